package mortise

import (
	"encoding/json"
	"fmt"
	"math"

	plugin "github.com/gotify/plugin-api"
)

// The key under which v1's one piece of storage is kept.
const storageKey = "gotify"

// messenger is v1's MessageHandler.
type messenger struct{ host *Host }

// SendMessage returns when the message is stored, or says why it was not. Many
// plugins do not look at the error, so it is logged too.
func (m messenger) SendMessage(message plugin.Message) error {
	err := m.send(message)
	if err != nil {
		m.host.Log(Warn, fmt.Sprintf("the message %q was not sent: %s", firstRunes(message.Title, 80), err))
	}
	return err
}

func (m messenger) send(message plugin.Message) error {
	if message.Message == "" {
		// Gotify stores a title alone; here a message has a text.
		message.Title, message.Message = "", message.Title
	}
	outgoing := Outgoing{Content: Content{
		Title:    message.Title,
		Body:     message.Message,
		Priority: int32(min(max(message.Priority, math.MinInt32), math.MaxInt32)),
	}}
	if message.Extras != nil {
		extras, err := json.Marshal(message.Extras)
		if err != nil {
			return &Error{Invalid, "the extras are not JSON: " + err.Error()}
		}
		text := string(extras)
		outgoing.Content.Extras = &text
	}
	_, err := m.host.Send(outgoing)
	return err
}

// storage is v1's StorageHandler.
type storage struct{ host *Host }

// Save replaces what was saved before, durably before it returns.
func (s storage) Save(value []byte) error { return s.host.Set(storageKey, value) }

// Load returns what was saved last: nothing, and no error, if nothing was.
func (s storage) Load() ([]byte, error) { return s.host.Get(storageKey) }
