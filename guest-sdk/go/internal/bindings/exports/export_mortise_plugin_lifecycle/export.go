// Package export_mortise_plugin_lifecycle is where the bindings find what the plugin
// exports: the SDK puts it here.
package export_mortise_plugin_lifecycle

import (
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_types"
	witTypes "github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

// What the contract's interface has.
var (
	Start func(user mortise_plugin_types.User) witTypes.Result[witTypes.Unit, string]
	Stop  func(reason uint8) witTypes.Result[witTypes.Unit, string]
)
