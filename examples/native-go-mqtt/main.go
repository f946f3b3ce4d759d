// mqtt publishes messages to a broker of MQTT, and sends publications as messages.
// Components have no sockets for it, so it is a native plugin.
package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	paho "github.com/eclipse/paho.mqtt.golang"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

const (
	// The time for deliveries in one call, and for each step of one. The host's own
	// deadline is later.
	budget  = 6 * time.Second
	timeout = 3 * time.Second
	// Brokers close the connection for a packet beyond their bound.
	longestText = 128 << 10
	// The storage's key: the ids of the messages that were sent from a batch with a
	// later failure. The host passes such a batch again as a whole. The last id would
	// not be enough: a dead letter that its user has delivered again is older.
	sentKey = "sent"
	// The storage's key: the name by which the broker and the plugin know the plugin.
	senderKey = "sender"
)

// Publisher is one user's instance.
type Publisher struct {
	mortise.Config[Settings]
	host   *mortise.Host
	sender string
	// None while the plugin is stopped, and without subscriptions.
	subscriber *subscriber
}

// Payload is a message as subscribers receive it. The sender is first, so that the
// plugin knows its own publications.
type Payload struct {
	Sender      string          `json:"sender"`
	ID          uint64          `json:"id"`
	Application string          `json:"application"`
	Title       string          `json:"title"`
	Message     string          `json:"message"`
	Priority    int32           `json:"priority"`
	Extras      json.RawMessage `json:"extras,omitempty"`
	CreatedMS   uint64          `json:"created_ms"`
}

func init() {
	mortise.Export(mortise.Manifest{
		ID:          "io.mortise.mqtt",
		Name:        "MQTT",
		Version:     "0.1.0",
		Description: "Publishes messages to a broker of MQTT, and sends its publications as messages.",
		Author:      "The Mortise developers",
		License:     "MIT OR Apache-2.0",
		Wants: []mortise.Want{
			mortise.WantReadMessages("to publish the messages", "*"),
			mortise.WantSendMessages("to send the publications of the topics that you subscribe to"),
			mortise.WantHTTP("to connect to your broker; granting only its host and port is enough", "*:*"),
		},
	}, func(host *mortise.Host) any {
		return &Publisher{Config: mortise.NewConfig(initial, nil), host: host}
	})
}

func main() { mortise.Run() }

// DefaultConfig is the text for a new user, with comments.
func (p *Publisher) DefaultConfig() string { return defaults }

// ConfigSchema is the JSON Schema of the settings, in which the password is a secret.
func (p *Publisher) ConfigSchema() string { return withSecret(p.Config.ConfigSchema(), "password") }

// Configure takes a configuration, or returns its problems and keeps the previous
// one.
func (p *Publisher) Configure(text string) []mortise.Problem {
	before := p.Value
	if wrong := p.Config.Configure(text); len(wrong) > 0 {
		return wrong
	}
	if wrong := problems(p.Value); len(wrong) > 0 {
		p.Value = before
		return wrong
	}
	if p.sender != "" {
		p.unsubscribe(true)
		p.subscribe()
	}
	return nil
}

// Start connects to the broker, if there are subscriptions.
func (p *Publisher) Start(mortise.User) error {
	var sender string
	if err := p.host.GetJSON(senderKey, &sender); err != nil {
		return err
	}
	if sender == "" {
		sender = "mortise-" + strings.ToLower(rand.Text()[:12])
		if err := p.host.SetJSON(senderKey, sender); err != nil {
			return err
		}
	}
	p.sender = sender
	p.subscribe()
	return nil
}

// Stop ends the connection. The broker keeps publications, unless the user disabled
// the plugin.
func (p *Publisher) Stop(reason mortise.StopReason) error {
	p.unsubscribe(reason == mortise.Disabled)
	p.sender = ""
	return nil
}

func (p *Publisher) subscribe() {
	if p.Value.Server != "" && len(p.Value.Subscribe) > 0 {
		p.subscriber = subscribe(p.Value, p.sender, p.host)
	}
}

func (p *Publisher) unsubscribe(forget bool) {
	if p.subscriber != nil {
		p.subscriber.stop(forget)
		p.subscriber = nil
	}
}

// OnMessages publishes messages in their order.
func (p *Publisher) OnMessages(messages []mortise.Message) error {
	if p.Value.Server == "" || p.Value.Topic == "" {
		return nil
	}
	var before, sent []uint64
	if err := p.host.GetJSON(sentKey, &before); err != nil {
		return err
	}
	var wanted []mortise.Message
	for _, message := range messages {
		switch {
		case slices.Contains(before, message.ID):
			sent = append(sent, message.ID)
		case p.Value.wants(message):
			wanted = append(wanted, message)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	published, err := publishAll(wanted, p.Value, p.sender)
	if sent = append(sent, published...); err != nil && len(sent) > 0 {
		if failed := p.host.SetJSON(sentKey, sent); failed != nil {
			return failed
		}
	}
	return err
}

// publishAll returns the ids of the messages that the broker took.
func publishAll(messages []mortise.Message, settings Settings, sender string) (sent []uint64, err error) {
	end := time.Now().Add(budget)
	client := paho.NewClient(options(settings))
	if err := wait(client.Connect()); err != nil {
		return nil, fmt.Errorf("%s: %w", settings.Server, err)
	}
	// In milliseconds, for packets that are on their way.
	defer client.Disconnect(100)
	for _, message := range messages {
		if time.Now().After(end) {
			return sent, errors.New("the broker is slow; the other messages follow")
		}
		payload, err := json.Marshal(payloadOf(message, sender))
		if err != nil {
			return sent, err
		}
		topic := settings.topicOf(message.Application.Name)
		if err := wait(client.Publish(topic, byte(settings.QoS), settings.Retain, payload)); err != nil {
			return sent, fmt.Errorf("message %d: %w", message.ID, err)
		}
		sent = append(sent, message.ID)
	}
	return sent, nil
}

func options(settings Settings) *paho.ClientOptions {
	// The server passes failed messages again, so the client need not.
	options := paho.NewClientOptions().AddBroker(settings.Server).SetCleanSession(true).SetAutoReconnect(false)
	options.SetConnectTimeout(timeout).SetWriteTimeout(timeout).SetProtocolVersion(4)
	options.SetUsername(settings.User).SetPassword(settings.Password)
	return options.SetCustomOpenConnectionFn(func(broker *url.URL, _ paho.ClientOptions) (net.Conn, error) {
		return dial(broker, timeout)
	})
}

func wait(token paho.Token) error {
	if !token.WaitTimeout(timeout) {
		return errors.New("the broker does not answer")
	}
	return token.Error()
}

func payloadOf(message mortise.Message, sender string) Payload {
	content := message.Content
	payload := Payload{
		Sender:      sender,
		ID:          message.ID,
		Application: message.Application.Name,
		Title:       content.Title,
		Message:     shorten(content.Body, longestText),
		Priority:    content.Priority,
		CreatedMS:   message.CreatedMS,
	}
	if content.Extras != nil && len(*content.Extras) <= longestText && json.Valid([]byte(*content.Extras)) {
		payload.Extras = json.RawMessage(*content.Extras)
	}
	return payload
}

// shorten cuts a text to a number of bytes, and does not divide a character.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}
