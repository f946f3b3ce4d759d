// Package export_mortise_plugin_manifest is where the bindings find what the plugin
// exports: the SDK puts it here.
package export_mortise_plugin_manifest

import (
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_types"
)

// What the contract's interface has.
var (
	Describe func() mortise_plugin_types.Manifest
)
