// Package export_mortise_plugin_filter is where the bindings find what the plugin
// exports: the SDK puts it here.
package export_mortise_plugin_filter

import (
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_types"
	witTypes "github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

// What the contract's interface has.
var (
	Filter func(draft mortise_plugin_types.Draft) witTypes.Result[mortise_plugin_types.Verdict, string]
)
