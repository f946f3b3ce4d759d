//go:build wasip1

package mortise

// What the server calls, from the generated bindings to the plugin.

import (
	"fmt"
	"reflect"

	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/exports/export_mortise_plugin_configurer"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/exports/export_mortise_plugin_displayer"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/exports/export_mortise_plugin_filter"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/exports/export_mortise_plugin_lifecycle"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/exports/export_mortise_plugin_listener"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/exports/export_mortise_plugin_manifest"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/exports/export_mortise_plugin_timer"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/exports/export_mortise_plugin_webhook"
	_ "github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/exports/wit_exports"
	bind "github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_types"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

// instance is the plugin's one instance, made when it is first called.
var instance any

func plugin() any {
	if instance == nil {
		if exported.create == nil {
			panic("mortise: no init function of this plugin calls mortise.Export")
		}
		instance = exported.create(&Host{})
	}
	return instance
}

// Run does nothing in a component: the server calls the plugin's functions, and
// never its main.
func Run() {}

// capable returns the plugin as what it has to be for a call.
func capable[T any]() T {
	made := plugin()
	able, ok := made.(T)
	if !ok {
		panic(fmt.Sprintf("mortise: plugin.toml names a capability that %T lacks: it is no %v", made, reflect.TypeFor[T]()))
	}
	return able
}

// told turns an error into what the server is told.
func told(err error) types.Result[types.Unit, string] {
	if err != nil {
		return types.Err[types.Unit](err.Error())
	}
	return types.Ok[types.Unit, string](types.Unit{})
}

func init() {
	export_mortise_plugin_manifest.Describe = func() bind.Manifest { return exported.manifest.lower() }

	export_mortise_plugin_lifecycle.Start = func(user bind.User) types.Result[types.Unit, string] {
		defer called("Start")()
		if starter, ok := plugin().(Starter); ok {
			return told(starter.Start(User{user.Id, user.Name, user.Admin}))
		}
		return told(nil)
	}
	export_mortise_plugin_lifecycle.Stop = func(reason uint8) types.Result[types.Unit, string] {
		defer called("Stop")()
		if stopper, ok := plugin().(Stopper); ok {
			return told(stopper.Stop(StopReason(reason)))
		}
		return told(nil)
	}

	export_mortise_plugin_configurer.Defaults = func() string {
		return capable[Configurer]().DefaultConfig()
	}
	export_mortise_plugin_configurer.Schema = func() types.Option[string] {
		if schema := capable[Configurer]().ConfigSchema(); schema != "" {
			return types.Some(schema)
		}
		return types.None[string]()
	}
	export_mortise_plugin_configurer.Apply = func(config string) types.Result[types.Unit, []bind.Problem] {
		defer called("Configure")()
		problems := capable[Configurer]().Configure(config)
		if len(problems) == 0 {
			return types.Ok[types.Unit, []bind.Problem](types.Unit{})
		}
		return types.Err[types.Unit](liftAll(problems, func(p Problem) bind.Problem {
			return bind.Problem(p)
		}))
	}

	export_mortise_plugin_displayer.Display = func(baseURL types.Option[string]) string {
		defer called("Display")()
		return capable[Displayer]().Display(baseURL.Some())
	}
	export_mortise_plugin_webhook.Handle = func(request bind.WebhookRequest) bind.WebhookResponse {
		defer called("Handle")()
		return capable[Webhook]().Handle(liftRequest(request)).lower()
	}
	export_mortise_plugin_filter.Filter = func(draft bind.Draft) types.Result[bind.Verdict, string] {
		defer called("Filter")()
		verdict, err := capable[Filter]().Filter(liftDraft(draft))
		if err != nil {
			return types.Err[bind.Verdict](err.Error())
		}
		return types.Ok[bind.Verdict, string](verdict.lower())
	}
	export_mortise_plugin_listener.OnMessages = func(messages []bind.Message) types.Result[types.Unit, string] {
		defer called("OnMessages")()
		return told(capable[Listener]().OnMessages(liftAll(messages, liftMessage)))
	}
	export_mortise_plugin_timer.OnTimer = func(name string) types.Result[types.Unit, string] {
		defer called("OnTimer")()
		return told(capable[Timer]().OnTimer(name))
	}
}
