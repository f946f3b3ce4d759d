// Package export_mortise_plugin_timer is where the bindings find what the plugin
// exports: the SDK puts it here.
package export_mortise_plugin_timer

import (
	witTypes "github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

// What the contract's interface has.
var (
	OnTimer func(name string) witTypes.Result[witTypes.Unit, string]
)
