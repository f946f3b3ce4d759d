// Package mortise turns a plugin for github.com/gotify/plugin-api v1 into an
// executable that a Mortise server runs. The plugin stays as it is but for its
// main:
//
//	func main() { mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance) }
//
// One process serves all users of the plugin: NewGotifyPluginInstance is called
// once for each, and package globals are shared among them, as in Gotify.
//
// The files of this package: serve.go is what a plugin calls; handshake.go,
// frame.go, codec.go, msgpack.go and connection.go are the protocol (PROTOCOL.md
// in the folder above), contract.go, variant.go, failure.go and permission.go the
// values in it; process.go directs calls to instances, instance.go keeps v1's
// order of calls, config.go, webhook.go, response.go and messenger.go are v1's
// interfaces, and beyond.go is what v1 could not do; trace.go has requests carry
// the trace of their call.
package mortise

import (
	"io"
	"os"

	"github.com/gin-gonic/gin"
	plugin "github.com/gotify/plugin-api"
)

// Serve is the whole main of a plugin: it connects to the server that started
// this process, serves the plugin there until the server ends the connection,
// and exits. It does not return.
//
// The wants are what the plugin's users and the administrator are asked to
// allow; without any, [DefaultWants].
func Serve(info func() plugin.Info, create func(plugin.UserContext) plugin.Plugin, wants ...Request) {
	os.Exit(run(info, create, wants, os.Stderr))
}

func run(info func() plugin.Info, create func(plugin.UserContext) plugin.Plugin, wants []Request, stderr io.Writer) int {
	if os.Getenv(gin.EnvGinMode) == "" {
		gin.SetMode(gin.ReleaseMode)
	}
	return serve(&gotify{info, create, wants}, []string{featureStreaming}, stderr)
}

// gotify is a plugin for Gotify.
type gotify struct {
	info   func() plugin.Info
	create func(plugin.UserContext) plugin.Plugin
	wants  []Request
}

func (g *gotify) describe() (any, error) {
	info := g.info()
	manifest, err := manifestOf(info, g.wants)
	if err != nil {
		return nil, &failure{Kind: kindCrashed, Text: err.Error()}
	}
	manifest.Listens = wanted
	return description{manifest, info.ModulePath}, nil
}

// description is a manifest and, beside it, the module path as the author wrote it.
type description struct {
	Manifest
	ModulePath string `json:"module_path,omitempty"`
}

// method is a function of the contract on one instance.
type method func(i *instance, open *call) (any, error)

// The functions that concern an instance, by their names on the wire.
var methods = map[string]method{
	"lifecycle.start":      (*instance).start,
	"lifecycle.stop":       (*instance).stop,
	"configurer.defaults":  (*instance).defaults,
	"configurer.schema":    (*instance).schema,
	"configurer.apply":     (*instance).apply,
	"displayer.display":    (*instance).display,
	"webhook.handle":       (*instance).handle,
	"filter.filter":        (*instance).filter,
	"listener.on_messages": (*instance).onMessages,
	"timer.on_timer":       (*instance).onTimer,
}

func (g *gotify) function(name string) func(served, *call) (any, error) {
	method := methods[name]
	if method == nil {
		return nil
	}
	return func(on served, open *call) (any, error) { return method(on.(*instance), open) }
}

func (g *gotify) newInstance(connection *connection, number uint64, user User, basePath *string) (served, error) {
	return newInstance(&Host{connection, number}, user, basePath, g.create)
}
