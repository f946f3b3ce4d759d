package mortise

import (
	"context"
	"strings"
	"time"

	plugin "github.com/gotify/plugin-api"
)

// What v1 could not do. A plugin does more by implementing more interfaces, as
// in v1; each needs the permission that its comment names, see [Want].

// Hoster is given the host: everything a plugin may ask of the server. It is
// called after the constructor, before SetMessageHandler.
type Hoster interface {
	plugin.Plugin
	SetHost(host *Host)
}

// Filterer has a say in every message to the user before it is stored
// ([FilterMessages]). An error skips it.
type Filterer interface {
	plugin.Plugin
	Filter(draft Draft) (Verdict, error)
}

// Listener is given every stored message ([ReadMessages]), in order, 1 to 64 at
// a time. After an error it is given them again.
type Listener interface {
	plugin.Plugin
	OnMessages(messages []Message) error
}

// wanted is what [Listens] was given.
var wanted *Interests

// Listens says which messages a [Listener] wants; without it, it is given all that
// it may read. To be called before [Serve].
func Listens(interests Interests) { wanted = &interests }

// Timer is called when a timer comes due that was set with [Host.SetTimer]
// ([Timers]).
type Timer interface {
	plugin.Plugin
	OnTimer(name string) error
}

// Stopper is told why it is stopped. Its Stop is called in Disable's place.
type Stopper interface {
	plugin.Plugin
	Stop(reason StopReason) error
}

// ConfigError is what ValidateAndSetConfig may return to say where in the
// configuration something is wrong.
type ConfigError []Problem

func (e ConfigError) Error() string {
	texts := make([]string, len(e))
	for i, problem := range e {
		texts[i] = problem.Text
	}
	return strings.Join(texts, "; ")
}

// Schemer has a JSON Schema of its configuration, for editors and forms.
type Schemer interface {
	plugin.Configurer
	ConfigSchema() string
}

// Host is the server as one instance may use it, from any goroutine. Every
// error is an [*Error]. It answers from the instance's creation on.
type Host struct {
	connection *connection
	instance   uint64
}

type (
	keyed struct {
		Key string `json:"key"`
	}
	identified struct {
		ID uint64 `json:"id"`
	}
	page struct {
		Before *uint64 `json:"before"`
		Limit  uint32  `json:"limit"`
	}
)

// Context returns the context of the call that the instance works on: requests
// by [http.DefaultClient] with it carry the call's trace on, see [TraceParent].
// For webhooks this is the request's own context. Outside of calls it is empty.
func (h *Host) Context() context.Context { return h.connection.contextOf(h.instance) }

func (h *Host) ask(method string, params, result any) error {
	return h.connection.ask(method, h.instance, params, result)
}

// Send sends a message to the user and returns its id once it is stored. Needs
// [SendMessages].
func (h *Host) Send(message Outgoing) (id uint64, err error) {
	err = h.ask("messages.send", struct {
		Message Outgoing `json:"message"`
	}{message}, &id)
	return id, err
}

// Message returns one message; nil if there is none that the plugin may see.
func (h *Host) Message(id uint64) (message *Message, err error) {
	err = h.ask("messages.get", identified{id}, &message)
	return message, err
}

// Sent lists what the plugin sent, newest first, below the id before unless it
// is nil; limit is 1 to 200.
func (h *Host) Sent(before *uint64, limit uint32) (messages []Message, err error) {
	err = h.ask("messages.sent", page{before, limit}, &messages)
	return messages, err
}

// Received lists, in the same way, messages of the applications that the plugin
// may read. Needs [ReadMessages].
func (h *Host) Received(before *uint64, limit uint32) (messages []Message, err error) {
	err = h.ask("messages.received", page{before, limit}, &messages)
	return messages, err
}

// Remove deletes a message that the plugin sent.
func (h *Host) Remove(id uint64) error {
	return h.ask("messages.remove", identified{id}, nil)
}

// Update replaces the content of a message that the plugin sent. It keeps its id
// and its time. Needs [SendMessages].
func (h *Host) Update(id uint64, content Content) error {
	return h.ask("messages.update", struct {
		ID      uint64  `json:"id"`
		Content Content `json:"content"`
	}{id, content}, nil)
}

// Expire has the server delete a message that the plugin sent at a time, at once
// if it has passed; never at the zero time. Needs [SendMessages].
func (h *Host) Expire(id uint64, at time.Time) error {
	params := struct {
		ID   uint64  `json:"id"`
		AtMS *uint64 `json:"at_ms"`
	}{ID: id}
	if !at.IsZero() {
		ms := uint64(max(at.UnixMilli(), 0))
		params.AtMS = &ms
	}
	return h.ask("messages.expire", params, nil)
}

// SendTo sends a message to each of these users, by their names, "*" for all that
// are granted. It returns one delivery for each, in the same order. Needs
// [SendToUsers].
func (h *Host) SendTo(users []string, message Outgoing) (deliveries []Delivery, err error) {
	if users == nil {
		users = []string{}
	}
	err = h.ask("messages.send_to", struct {
		Users   []string `json:"users"`
		Message Outgoing `json:"message"`
	}{users, message}, &deliveries)
	return deliveries, err
}

// SetImage sets the image of the plugin's application of this name, the one named
// after the plugin if it is nil: PNG, JPEG, GIF or WebP, at most 1 MiB. An empty
// image removes it. Needs [SendMessages].
func (h *Host) SetImage(application *string, image []byte) error {
	if image == nil {
		image = []byte{}
	}
	return h.ask("messages.set_image", struct {
		Application *string `json:"application"`
		Image       []byte  `json:"image"`
	}{application, image}, nil)
}

// Get returns the value last set under a key; nil if there is none.
func (h *Host) Get(key string) (value []byte, err error) {
	err = h.ask("storage.get", keyed{key}, &value)
	return value, err
}

// Set stores a value durably before it returns. Keys are 1 to 256 bytes.
func (h *Host) Set(key string, value []byte) error {
	if value == nil {
		value = []byte{}
	}
	return h.ask("storage.set", struct {
		Key   string `json:"key"`
		Value []byte `json:"value"`
	}{key, value}, nil)
}

// Unset removes a key.
func (h *Host) Unset(key string) error { return h.ask("storage.remove", keyed{key}, nil) }

// Keys lists the keys that start with a prefix, sorted.
func (h *Host) Keys(prefix string) (keys []string, err error) {
	err = h.ask("storage.keys", struct {
		Prefix string `json:"prefix"`
	}{prefix}, &keys)
	return keys, err
}

// SetTimer sets or replaces the timer of this name. Needs [Timers].
func (h *Host) SetTimer(name string, when Schedule) error {
	return h.ask("timers.set", struct {
		Name string   `json:"name"`
		When Schedule `json:"when"`
	}{name, when}, nil)
}

// SetTimerWith sets or replaces, in the same way, a timer with options.
func (h *Host) SetTimerWith(name string, when Schedule, options TimerOptions) error {
	return h.ask("timers.set_with", struct {
		Name    string       `json:"name"`
		When    Schedule     `json:"when"`
		Options TimerOptions `json:"options"`
	}{name, when, options}, nil)
}

// CancelTimer cancels a timer.
func (h *Host) CancelTimer(name string) error {
	return h.ask("timers.cancel", struct {
		Name string `json:"name"`
	}{name}, nil)
}

// Log writes a line into the instance's log.
func (h *Host) Log(level Level, text string) {
	// If this fails the server is gone, and so is the log.
	_ = h.connection.notify("log.write", &h.instance, struct {
		Level Level  `json:"level"`
		Text  string `json:"text"`
	}{level, text})
}
