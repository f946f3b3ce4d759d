package mortise

import (
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/gin-gonic/gin"
	plugin "github.com/gotify/plugin-api"
)

// instance is the plugin of one user. It keeps v1's order of calls:
// constructor, SetMessageHandler, SetStorageHandler, ValidateAndSetConfig,
// RegisterWebhook, Enable.
//
// The server applies a configuration only if the user has one, and says so with
// the next call. So the defaults are applied, and webhooks registered, at the
// first call that is not about configuration.
type instance struct {
	host   *Host
	plugin plugin.Plugin

	// One at a time: configuring, registering, enabling and disabling.
	// Webhooks and displays go on meanwhile, as in Gotify.
	mutex      sync.Mutex
	configured bool
	enabled    bool
	basePath   *string

	// What mutex guards has come so far that webhooks and displays need not
	// wait for it.
	settled atomic.Bool
	engine  atomic.Pointer[gin.Engine]
}

func newInstance(host *Host, user User, basePath *string, create func(plugin.UserContext) plugin.Plugin) (*instance, error) {
	made := create(plugin.UserContext{ID: uint(user.ID), Name: user.Name, Admin: user.Admin})
	if made == nil {
		return nil, &failure{Kind: kindCrashed, Text: fmt.Sprintf("NewGotifyPluginInstance returned nil for the user %q", user.Name)}
	}
	if hoster, ok := made.(Hoster); ok {
		hoster.SetHost(host)
	}
	if messages, ok := made.(plugin.Messenger); ok {
		messages.SetMessageHandler(messenger{host})
	}
	if storager, ok := made.(plugin.Storager); ok {
		storager.SetStorageHandler(storage{host})
	}
	i := &instance{host: host, plugin: made, basePath: basePath}
	if _, ok := made.(plugin.Configurer); !ok {
		i.settle(nil)
	}
	return i, nil
}

// capabilities are the contract's names of what this instance implements, and of
// the storage if it uses that.
func (i *instance) capabilities() []string {
	names := []string{"lifecycle"}
	add := func(name string, implemented bool) {
		if implemented {
			names = append(names, name)
		}
	}
	_, is := i.plugin.(plugin.Configurer)
	add("configurer", is)
	_, is = i.plugin.(plugin.Displayer)
	add("displayer", is)
	_, is = i.plugin.(plugin.Webhooker)
	add("webhook", is)
	_, is = i.plugin.(Filterer)
	add("filter", is)
	_, is = i.plugin.(Listener)
	add("listener", is)
	_, is = i.plugin.(Timer)
	add("timer", is)
	_, is = i.plugin.(plugin.Storager)
	if _, host := i.plugin.(Hoster); host {
		is = true
	}
	add("storage", is)
	return names
}

// concurrent is how Gotify calls plugins.
func (i *instance) concurrent() bool { return true }

// settle sees to it that the instance is configured and its webhooks are
// registered. The base path is one that became known later than the instance.
func (i *instance) settle(basePath *string) {
	if i.settled.Load() {
		return
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.settleLocked(basePath)
}

func (i *instance) settleLocked(basePath *string) {
	if configurer, ok := i.plugin.(plugin.Configurer); ok && !i.configured {
		i.useDefaults(configurer)
	}
	if i.basePath == nil {
		i.basePath = basePath
	}
	webhooker, ok := i.plugin.(plugin.Webhooker)
	if ok && i.engine.Load() == nil {
		if i.basePath == nil {
			return // The first webhook will tell.
		}
		i.engine.Store(register(webhooker, *i.basePath))
	}
	i.settled.Store(true)
}

// useDefaults configures the instance with its defaults, written as YAML and
// read again: Gotify gives a plugin nothing else, and a value may come back with
// another type. Some plugins refuse even those, until the user has filled
// something in.
func (i *instance) useDefaults(configurer plugin.Configurer) {
	i.configured = true
	var config any
	text, err := defaultConfig(configurer)
	if err == nil {
		config, err = decodeConfig(configurer, text)
	}
	if err == nil {
		err = configurer.ValidateAndSetConfig(config)
	}
	if err != nil {
		i.host.Log(Info, fmt.Sprintf("the plugin refuses its own default configuration: %s", err))
	}
}

func (i *instance) start(*call) (any, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.settleLocked(nil)
	if i.enabled {
		return nil, nil
	}
	if err := i.plugin.Enable(); err != nil {
		return nil, &failure{Kind: kindRefused, Text: err.Error()}
	}
	i.enabled = true
	return nil, nil
}

func (i *instance) stop(open *call) (any, error) {
	params := struct {
		Reason StopReason `json:"reason"`
	}{Disabled}
	if err := open.decode(&params); err != nil {
		return nil, err
	}
	if err := i.disable(params.Reason); err != nil {
		return nil, &failure{Kind: kindRefused, Text: err.Error()}
	}
	return nil, nil
}

func (i *instance) disable(reason StopReason) error {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if !i.enabled {
		return nil
	}
	i.enabled = false
	if stopper, ok := i.plugin.(Stopper); ok {
		return stopper.Stop(reason)
	}
	return i.plugin.Disable()
}

// leave disables an instance that is dropped without having been stopped, after
// a panic: its goroutines would go on beside those of its successor.
func (i *instance) leave() {
	if err := i.disable(Reloading); err != nil {
		i.host.Log(Warn, fmt.Sprintf("disabling the plugin failed: %s", err))
	}
}

// noSuch is the answer where the plugin does not implement an interface.
func (i *instance) noSuch(capability string) error {
	return &failure{Kind: kindUnknownMethod, Text: "this plugin has no " + capability}
}

func (i *instance) defaults(*call) (any, error) {
	configurer, ok := i.plugin.(plugin.Configurer)
	if !ok {
		return nil, i.noSuch("configurer")
	}
	text, err := defaultConfig(configurer)
	if err != nil {
		return nil, &failure{Kind: kindCrashed, Text: "the default configuration cannot be written as YAML: " + err.Error()}
	}
	return text, nil
}

func (i *instance) schema(*call) (any, error) {
	if schemer, ok := i.plugin.(Schemer); ok {
		return schemer.ConfigSchema(), nil
	}
	if _, ok := i.plugin.(plugin.Configurer); !ok {
		return nil, i.noSuch("configurer")
	}
	return nil, nil
}

func (i *instance) apply(open *call) (any, error) {
	configurer, ok := i.plugin.(plugin.Configurer)
	if !ok {
		return nil, i.noSuch("configurer")
	}
	var params struct {
		Config *string `json:"config"`
	}
	if err := open.decode(&params); err != nil {
		return nil, err
	}
	if params.Config == nil {
		return nil, open.missing("config")
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	config, err := decodeConfig(configurer, *params.Config)
	if err == nil {
		err = configurer.ValidateAndSetConfig(config)
	}
	if err == nil {
		i.configured = true
	}
	i.settleLocked(nil)
	if err != nil {
		problems := problemsOf(err)
		text := problems[0].Text
		if len(problems) > 1 {
			text = fmt.Sprintf("%d problems", len(problems))
		}
		return nil, &failure{Kind: kindProblems, Text: text, Problems: problems}
	}
	return nil, nil
}

func (i *instance) display(open *call) (any, error) {
	displayer, ok := i.plugin.(plugin.Displayer)
	if !ok {
		return nil, i.noSuch("displayer")
	}
	var params struct {
		BaseURL *string `json:"base_url"`
	}
	if err := open.decode(&params); err != nil {
		return nil, err
	}
	i.settle(nil)
	return displayer.GetDisplay(locationOf(params.BaseURL)), nil
}

// locationOf is the server's scheme and host; nil if they are not known.
func locationOf(base *string) *url.URL {
	if base == nil {
		return nil
	}
	location, err := url.Parse(*base)
	if err != nil {
		return nil
	}
	return &url.URL{Scheme: location.Scheme, Host: location.Host}
}

func (i *instance) filter(open *call) (any, error) {
	filterer, ok := i.plugin.(Filterer)
	if !ok {
		return nil, i.noSuch("filter")
	}
	var params struct {
		Draft *Draft `json:"draft"`
	}
	if err := open.decode(&params); err != nil {
		return nil, err
	}
	if params.Draft == nil {
		return nil, open.missing("draft")
	}
	i.settle(nil)
	verdict, err := filterer.Filter(*params.Draft)
	if err != nil {
		return nil, &failure{Kind: kindRefused, Text: err.Error()}
	}
	return verdict, nil
}

func (i *instance) onMessages(open *call) (any, error) {
	listener, ok := i.plugin.(Listener)
	if !ok {
		return nil, i.noSuch("listener")
	}
	var params struct {
		Messages []Message `json:"messages"`
	}
	if err := open.decode(&params); err != nil {
		return nil, err
	}
	if params.Messages == nil {
		return nil, open.missing("messages")
	}
	i.settle(nil)
	if err := listener.OnMessages(params.Messages); err != nil {
		return nil, &failure{Kind: kindRefused, Text: err.Error()}
	}
	return nil, nil
}

func (i *instance) onTimer(open *call) (any, error) {
	timer, ok := i.plugin.(Timer)
	if !ok {
		return nil, i.noSuch("timer")
	}
	var params struct {
		Name *string `json:"name"`
	}
	if err := open.decode(&params); err != nil {
		return nil, err
	}
	if params.Name == nil {
		return nil, open.missing("name")
	}
	i.settle(nil)
	if err := timer.OnTimer(*params.Name); err != nil {
		return nil, &failure{Kind: kindRefused, Text: err.Error()}
	}
	return nil, nil
}
