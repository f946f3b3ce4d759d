// Package export_mortise_plugin_webhook is where the bindings find what the plugin
// exports: the SDK puts it here.
package export_mortise_plugin_webhook

import (
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_types"
)

// What the contract's interface has.
var (
	Handle func(request mortise_plugin_types.WebhookRequest) mortise_plugin_types.WebhookResponse
)
