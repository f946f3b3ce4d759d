// Package export_mortise_plugin_configurer is where the bindings find what the plugin
// exports: the SDK puts it here.
package export_mortise_plugin_configurer

import (
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_types"
	witTypes "github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

// What the contract's interface has.
var (
	Defaults func() string
	Schema   func() witTypes.Option[string]
	Apply    func(config string) witTypes.Result[witTypes.Unit, []mortise_plugin_types.Problem]
)
