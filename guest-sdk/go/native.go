//go:build !wasip1

package mortise

// The plugin as a process of its own: what the server calls, and what a plugin
// asks of it, as data (native-bridge/PROTOCOL.md).

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// Run is the whole main of a plugin that is an executable: it serves the plugin
// to the server that started this process, and does not return. In a component,
// whose main nobody calls, it does nothing.
func Run() { os.Exit(serve(native{}, []string{}, os.Stderr)) }

// native is what [Export] was given, as the process serves it.
type native struct{}

func (native) describe() (any, error) {
	if exported.create == nil {
		return nil, &failure{Kind: kindCrashed, Text: "no init function of this plugin calls mortise.Export"}
	}
	return exported.manifest.data(), nil
}

func (native) newInstance(connection *connection, number uint64, _ User, _ *string) (served, error) {
	if exported.create == nil {
		return nil, &failure{Kind: kindCrashed, Text: "no init function of this plugin calls mortise.Export"}
	}
	return &instance{exported.create(&Host{link{connection, number}})}, nil
}

func (native) function(method string) func(served, *call) (any, error) {
	function := functions[method]
	if function == nil {
		return nil
	}
	return func(on served, open *call) (any, error) { return function(on.(*instance).plugin, open) }
}

// instance is the plugin of one user.
type instance struct{ plugin any }

func (i *instance) capabilities() []string {
	names := []string{"lifecycle"}
	add := func(name string, able bool) {
		if able {
			names = append(names, name)
		}
	}
	_, able := i.plugin.(Configurer)
	add("configurer", able)
	_, able = i.plugin.(Displayer)
	add("displayer", able)
	_, able = i.plugin.(Webhook)
	add("webhook", able)
	_, able = i.plugin.(Filter)
	add("filter", able)
	_, able = i.plugin.(Listener)
	add("listener", able)
	_, able = i.plugin.(Timer)
	add("timer", able)
	return names
}

// concurrent is as in a component, so that one source is right for both.
func (i *instance) concurrent() bool { return false }

func (i *instance) leave() {}

// The functions of the contract on an instance, by their names on the wire. An
// error that is no failure is the plugin's own.
var functions = map[string]func(plugin any, open *call) (any, error){
	"lifecycle.start": func(plugin any, open *call) (any, error) {
		user, err := given[User](open, "user")
		if starter, ok := plugin.(Starter); ok && err == nil {
			err = starter.Start(user)
		}
		return nil, err
	},
	"lifecycle.stop": func(plugin any, open *call) (any, error) {
		name, err := given[string](open, "reason")
		if stopper, ok := plugin.(Stopper); ok && err == nil {
			err = stopper.Stop(reasonOf(name))
		}
		return nil, err
	},
	"configurer.defaults": func(plugin any, _ *call) (any, error) {
		configurer, err := capable[Configurer](plugin, "configurer")
		if err != nil {
			return nil, err
		}
		return configurer.DefaultConfig(), nil
	},
	"configurer.schema": func(plugin any, _ *call) (any, error) {
		configurer, err := capable[Configurer](plugin, "configurer")
		if err != nil {
			return nil, err
		}
		if schema := configurer.ConfigSchema(); schema != "" {
			return schema, nil
		}
		return nil, nil
	},
	"configurer.apply": func(plugin any, open *call) (any, error) {
		configurer, err := capable[Configurer](plugin, "configurer")
		if err != nil {
			return nil, err
		}
		config, err := given[string](open, "config")
		if err != nil {
			return nil, err
		}
		problems := configurer.Configure(config)
		if len(problems) == 0 {
			return nil, nil
		}
		text := problems[0].Text
		if len(problems) > 1 {
			text = fmt.Sprintf("%d problems", len(problems))
		}
		return nil, &failure{Kind: kindProblems, Text: text, Problems: problems}
	},
	"displayer.display": func(plugin any, open *call) (any, error) {
		displayer, err := capable[Displayer](plugin, "displayer")
		if err != nil {
			return nil, err
		}
		var params struct {
			BaseURL string `json:"base_url"`
		}
		if err := open.decode(&params); err != nil {
			return nil, err
		}
		return displayer.Display(params.BaseURL), nil
	},
	"webhook.handle": func(plugin any, open *call) (any, error) {
		webhook, err := capable[Webhook](plugin, "webhook")
		if err != nil {
			return nil, err
		}
		request, err := given[WebhookRequest](open, "request")
		if err != nil {
			return nil, err
		}
		return webhook.Handle(request).data(), nil
	},
	"filter.filter": func(plugin any, open *call) (any, error) {
		filter, err := capable[Filter](plugin, "filter")
		if err != nil {
			return nil, err
		}
		draft, err := given[Draft](open, "draft")
		if err != nil {
			return nil, err
		}
		verdict, err := filter.Filter(draft)
		return verdict.data(), err
	},
	"listener.on_messages": func(plugin any, open *call) (any, error) {
		listener, err := capable[Listener](plugin, "listener")
		if err != nil {
			return nil, err
		}
		messages, err := given[[]Message](open, "messages")
		if err != nil {
			return nil, err
		}
		return nil, listener.OnMessages(messages)
	},
	"timer.on_timer": func(plugin any, open *call) (any, error) {
		timer, err := capable[Timer](plugin, "timer")
		if err != nil {
			return nil, err
		}
		name, err := given[string](open, "name")
		if err != nil {
			return nil, err
		}
		return nil, timer.OnTimer(name)
	},
}

// capable returns a plugin as what it has to be for a call.
func capable[T any](plugin any, capability string) (T, error) {
	able, ok := plugin.(T)
	if !ok {
		return able, &failure{Kind: kindUnknownMethod, Text: "this plugin has no " + capability}
	}
	return able, nil
}

// given decodes a parameter that must be there.
func given[T any](open *call, name string) (value T, err error) {
	var params map[string]json.RawMessage
	if err := open.decode(&params); err != nil {
		return value, err
	}
	raw, there := params[name]
	if !there {
		return value, open.missing(name)
	}
	if err := json.Unmarshal(raw, &value); err != nil {
		return value, &failure{Kind: kindInvalid, Text: fmt.Sprintf("the parameter %s of %s is wrong: %s", name, open.method, err)}
	}
	return value, nil
}

func reasonOf(name string) StopReason {
	for reason := Disabled; reason < ShuttingDown; reason++ {
		if reason.String() == name {
			return reason
		}
	}
	return ShuttingDown
}

// fields is an object as it travels.
type fields = map[string]any

func (m Manifest) data() fields {
	wants := make([]fields, len(m.Wants))
	for i, want := range m.Wants {
		wants[i] = fields{"permission": want.data(), "reason": want.reason}
	}
	data := fields{
		"id": m.ID, "name": m.Name, "version": m.Version, "description": m.Description,
		"author": m.Author, "license": m.License, "website": m.Website, "wants": wants,
	}
	if m.Listens != nil {
		data["listens"] = m.Listens.data()
	}
	return data
}

func (i Interests) data() any {
	return fields{"applications": append([]string{}, i.Applications...), "min_priority": i.MinPriority}
}

// data is the permission that is wanted.
func (w Want) data() any {
	name := [...]string{
		sendMessages: "send_messages", readMessages: "read_messages", filterMessages: "filter_messages",
		webhook: "webhook", cookies: "cookies", httpHosts: "http", files: "files",
		environment: "environment", timers: "timers", sendToUsers: "send_to_users",
	}[w.kind]
	switch w.kind {
	case readMessages, cookies, httpHosts, environment, sendToUsers:
		return fields{name: append([]string{}, w.names...)}
	case files:
		directories := make([]fields, len(w.directories))
		for i, directory := range w.directories {
			directories[i] = fields{"path": directory.Path, "writable": directory.Writable}
		}
		return fields{name: directories}
	}
	return name
}

func (r WebhookResponse) data() any {
	status := r.Status
	if status == 0 {
		status = 200
	}
	return fields{
		// What is no status at all becomes one that the host refuses.
		"status":  min(max(status, 0), 1<<16-1),
		"headers": append([]Header{}, r.Headers...),
		"body":    append([]byte{}, r.Body...),
	}
}

func (v Verdict) data() any {
	switch {
	case v.replace != nil:
		return fields{"replace": v.replace}
	case v.drop != nil:
		return fields{"drop": v.drop}
	}
	return "keep"
}

func (s Schedule) data() any {
	switch {
	case s.onceAtMS != nil:
		return fields{"once_at_ms": s.onceAtMS}
	case s.cron != "":
		return fields{"cron": s.cron}
	}
	return fields{"every_ms": s.everyMS}
}

func (o TimerOptions) data() any {
	data := fields{"jitter_ms": milliseconds(o.Jitter), "missed": o.Missed.String()}
	if o.Zone != "" {
		data["zone"] = o.Zone
	}
	return data
}

func (o Outgoing) data() any {
	data := fields{"content": o.Content}
	if o.Application != "" {
		data["application"] = o.Application
	}
	return data
}

// link is how a [Host] reaches the server.
type link struct {
	connection *connection
	instance   uint64
}

func (l link) context() context.Context { return l.connection.contextOf(l.instance) }

func (l link) ask(method string, params fields, result any) error {
	return l.connection.ask(method, l.instance, params, result)
}

func (l link) writeLog(level Level, text string) {
	name := [...]string{"trace", "debug", "info", "warn", "error"}[min(level, LevelError)]
	// If this fails the server is gone, and so is the log.
	_ = l.connection.notify("log.write", &l.instance, fields{"level": name, "text": text})
}

func (l link) send(message Outgoing) (id uint64, err error) {
	err = l.ask("messages.send", fields{"message": message.data()}, &id)
	return id, err
}

func (l link) getMessage(id uint64) (message *Message, err error) {
	err = l.ask("messages.get", fields{"id": id}, &message)
	return message, err
}

func (l link) sent(before *uint64, limit uint32) (messages []Message, err error) {
	err = l.ask("messages.sent", fields{"before": before, "limit": limit}, &messages)
	return messages, err
}

func (l link) received(before *uint64, limit uint32) (messages []Message, err error) {
	err = l.ask("messages.received", fields{"before": before, "limit": limit}, &messages)
	return messages, err
}

func (l link) removeMessage(id uint64) error {
	return l.ask("messages.remove", fields{"id": id}, nil)
}

func (l link) updateMessage(id uint64, content Content) error {
	return l.ask("messages.update", fields{"id": id, "content": content}, nil)
}

func (l link) expireMessage(id uint64, atMS *uint64) error {
	return l.ask("messages.expire", fields{"id": id, "at_ms": atMS}, nil)
}

func (l link) sendTo(users []string, message Outgoing) (deliveries []Delivery, err error) {
	params := fields{"users": append([]string{}, users...), "message": message.data()}
	err = l.ask("messages.send_to", params, &deliveries)
	return deliveries, err
}

func (l link) setImage(application string, image []byte) error {
	params := fields{"image": append([]byte{}, image...)}
	if application != "" {
		params["application"] = application
	}
	return l.ask("messages.set_image", params, nil)
}

func (l link) get(key string) (value []byte, err error) {
	err = l.ask("storage.get", fields{"key": key}, &value)
	return value, err
}

func (l link) set(key string, value []byte) error {
	return l.ask("storage.set", fields{"key": key, "value": append([]byte{}, value...)}, nil)
}

func (l link) unset(key string) error {
	return l.ask("storage.remove", fields{"key": key}, nil)
}

func (l link) keys(prefix string) (keys []string, err error) {
	err = l.ask("storage.keys", fields{"prefix": prefix}, &keys)
	return keys, err
}

func (l link) setTimer(name string, when Schedule) error {
	return l.ask("timers.set", fields{"name": name, "when": when.data()}, nil)
}

func (l link) setTimerWith(name string, when Schedule, options TimerOptions) error {
	params := fields{"name": name, "when": when.data(), "options": options.data()}
	return l.ask("timers.set_with", params, nil)
}

func (l link) cancelTimer(name string) error {
	return l.ask("timers.cancel", fields{"name": name}, nil)
}
