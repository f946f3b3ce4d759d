// Package mortise is for writing plugins for Mortise in Go, as WebAssembly
// components and, from the same source, as native executables.
//
// A plugin is any type. What it can do is said by the methods it has, which are
// those of the interfaces below, and by the list capabilities in its
// plugin.toml, from which the component is made. It is handed over in an init
// function, for nobody calls a component's main; an executable's is [Run]:
//
//	func init() {
//		mortise.Export(mortise.Manifest{ID: "org.example.shout", Name: "Shout", Version: "1.0.0"},
//			func(host *mortise.Host) any { return &Shout{host: host} })
//	}
//
//	func main() { mortise.Run() }
//
// Each user has an instance of their own, which may be dropped at any time. What
// must last is in the [Host]'s storage. Calls of an instance come one at a time.
// In a component nothing is shared, and goroutines and tickers run while a call
// does; those that are left when it returns stand still until the next one, of
// which a line in the log tells; in a process the package's variables are shared by all users,
// and goroutines go on until the process ends. What a plugin prints, a panic's
// words and trace included, is in its log.
//
// The files: types.go and manifest.go are the contract's values, host.go is what
// a plugin may ask of the server, http.go is calling out, log.go is for Go's own
// loggers, config.go is for configurations. In a component exports.go,
// imports.go, outgoing.go and transport.go connect all of this with the
// generated bindings in internal; in a process native.go and native_http.go do
// so with the protocol, whose files are generated from the module
// native-bridge/go.
package mortise

// Starter is told when an instance comes up, after it was configured.
type Starter interface {
	Start(user User) error
}

// Stopper is told before an instance that was started is dropped, where there
// is time for it.
type Stopper interface {
	Stop(reason StopReason) error
}

// Configurer has a configuration that the user edits as text, see [Config].
type Configurer interface {
	// DefaultConfig is the text a new user starts with.
	DefaultConfig() string
	// ConfigSchema is a JSON Schema of the configuration; empty if there is
	// none.
	ConfigSchema() string
	// Configure takes a configuration into use, or says what is wrong with it
	// and goes on with the one before. It is called before Start.
	Configure(config string) []Problem
}

// Displayer has something to show on the plugin's page.
type Displayer interface {
	// Display returns Markdown. The URL is the server's, as the user's browser
	// sees it; empty if it is not known.
	Display(baseURL string) string
}

// Webhook answers HTTP requests to the instance's secret address.
type Webhook interface {
	Handle(request WebhookRequest) WebhookResponse
}

// Filter has a say in every message before it is stored. An error skips it.
type Filter interface {
	Filter(draft Draft) (Verdict, error)
}

// Listener is given every stored message that its [Interests] have, 1 to 64 at a
// time, in order. After an error it is given them again.
type Listener interface {
	OnMessages(messages []Message) error
}

// Timer is called when a timer comes due that was set with [Host.SetTimer].
type Timer interface {
	OnTimer(name string) error
}

// exported is what [Export] was given.
var exported struct {
	manifest Manifest
	create   func(*Host) any
}

// Export makes a type the plugin: create is called once for each instance,
// before anything else of it. To be called once, in an init function.
func Export(manifest Manifest, create func(host *Host) any) {
	exported.manifest, exported.create = manifest, create
}
