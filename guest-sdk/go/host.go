package mortise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrorKind is what kind of refusal an [Error] is.
type ErrorKind string

// The kinds of errors.
const (
	// Denied: a grant is missing; the text names the permission.
	Denied ErrorKind = "denied"
	// Invalid: an argument is malformed or exceeds a bound.
	Invalid ErrorKind = "invalid"
	// Exhausted: a quota or rate is used up.
	Exhausted ErrorKind = "exhausted"
	// Unavailable: the host could not do it now.
	Unavailable ErrorKind = "unavailable"
)

// Error is a refusal of the host.
type Error struct {
	Kind ErrorKind
	Text string
}

func (e *Error) Error() string { return string(e.Kind) + ": " + e.Text }

// IsDenied tells whether an error is a refusal for want of a grant.
func IsDenied(err error) bool {
	var refusal *Error
	return errors.As(err, &refusal) && refusal.Kind == Denied
}

// Host is the server as one instance may use it. Every error of its methods is
// an [*Error].
type Host struct{ link }

// Context returns the context of the call that the instance works on. In a native
// plugin, requests by Go's default HTTP client with it carry the call's trace on,
// see [TraceParent]; those of [Host.HTTP] always do. Outside of calls it is empty.
func (h *Host) Context() context.Context { return h.context() }

// Log writes a line into the instance's log.
func (h *Host) Log(level Level, format string, values ...any) {
	h.writeLog(level, fmt.Sprintf(format, values...))
}

// Info writes a line into the instance's log.
func (h *Host) Info(format string, values ...any) { h.Log(LevelInfo, format, values...) }

// Send sends a message to the user and returns its id once it is stored.
func (h *Host) Send(message Outgoing) (id uint64, err error) { return h.send(message) }

// SendText sends a message of normal priority.
func (h *Host) SendText(title, body string) (id uint64, err error) {
	return h.send(Outgoing{Content: Content{Title: title, Body: body, Priority: 5}})
}

// Message returns one message; nil if there is none that the plugin may see.
func (h *Host) Message(id uint64) (*Message, error) { return h.getMessage(id) }

// Sent lists what the plugin sent, newest first, below the id before unless it
// is nil; limit is 1 to 200.
func (h *Host) Sent(before *uint64, limit uint32) ([]Message, error) { return h.sent(before, limit) }

// Received lists, in the same way, messages of the applications that the plugin
// may read.
func (h *Host) Received(before *uint64, limit uint32) ([]Message, error) {
	return h.received(before, limit)
}

// Remove deletes a message that the plugin sent.
func (h *Host) Remove(id uint64) error { return h.removeMessage(id) }

// Update replaces the content of a message that the plugin sent. It keeps its id
// and its time.
func (h *Host) Update(id uint64, content Content) error { return h.updateMessage(id, content) }

// Expire has the server delete a message that the plugin sent at a time, at once
// if it has passed; never at the zero time.
func (h *Host) Expire(id uint64, at time.Time) error {
	if at.IsZero() {
		return h.expireMessage(id, nil)
	}
	ms := sinceEpoch(at)
	return h.expireMessage(id, &ms)
}

// SendTo sends a message to each of these users, by their names, "*" for all that
// are granted. It returns one delivery for each, in the same order.
func (h *Host) SendTo(users []string, message Outgoing) ([]Delivery, error) {
	return h.sendTo(users, message)
}

// SetImage sets the image of the plugin's application of this name, the one named
// after the plugin if it is empty: PNG, JPEG, GIF or WebP, at most 1 MiB. An empty
// image removes it.
func (h *Host) SetImage(application string, image []byte) error {
	return h.setImage(application, image)
}

// Get returns the value last set under a key; nil if there is none.
func (h *Host) Get(key string) ([]byte, error) { return h.get(key) }

// Set stores a value durably before it returns. Keys are 1 to 256 bytes.
func (h *Host) Set(key string, value []byte) error { return h.set(key, value) }

// GetJSON reads what [Host.SetJSON] stored into a value, which it leaves as it
// is if there is nothing.
func (h *Host) GetJSON(key string, value any) error {
	stored, err := h.get(key)
	if err != nil || stored == nil {
		return err
	}
	if err := json.Unmarshal(stored, value); err != nil {
		return &Error{Invalid, "what is stored under `" + key + "` is something else: " + err.Error()}
	}
	return nil
}

// SetJSON stores a value as JSON.
func (h *Host) SetJSON(key string, value any) error {
	stored, err := json.Marshal(value)
	if err != nil {
		return &Error{Invalid, err.Error()}
	}
	return h.set(key, stored)
}

// Unset removes a key.
func (h *Host) Unset(key string) error { return h.unset(key) }

// Keys lists the keys that start with a prefix, sorted.
func (h *Host) Keys(prefix string) ([]string, error) { return h.keys(prefix) }

// SetTimer sets or replaces the timer of this name.
func (h *Host) SetTimer(name string, when Schedule) error { return h.setTimer(name, when) }

// SetTimerWith sets or replaces, in the same way, a timer with options.
func (h *Host) SetTimerWith(name string, when Schedule, options TimerOptions) error {
	return h.setTimerWith(name, when, options)
}

// CancelTimer cancels a timer.
func (h *Host) CancelTimer(name string) error { return h.cancelTimer(name) }
