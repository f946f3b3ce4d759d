// Package export_mortise_plugin_listener is where the bindings find what the plugin
// exports: the SDK puts it here.
package export_mortise_plugin_listener

import (
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_types"
	witTypes "github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

// What the contract's interface has.
var (
	OnMessages func(messages []mortise_plugin_types.Message) witTypes.Result[witTypes.Unit, string]
)
