// Package export_mortise_plugin_displayer is where the bindings find what the plugin
// exports: the SDK puts it here.
package export_mortise_plugin_displayer

import (
	witTypes "github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

// What the contract's interface has.
var (
	Display func(baseURL witTypes.Option[string]) string
)
