// ntfy publishes messages on an ntfy server.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

const (
	// The time for deliveries in one call, and for one of them. The host's own
	// deadline is later.
	budget  = 5 * time.Second
	timeout = 4 * time.Second
	// The longest pause that is kept.
	longestPause = time.Hour
	// The part of a response that is shown in an error.
	longestAnswer = 200
	// The storage's key of [State].
	stateKey = "state"
)

// State is kept over restarts.
type State struct {
	// Sent has the ids of the messages that were sent from a batch with a later
	// failure. The host passes such a batch again as a whole. The last id would not
	// be enough: a dead letter that its user has delivered again is older.
	Sent []uint64 `json:"sent"`
	// NotBefore is the time before which ntfy takes no message.
	NotBefore time.Time `json:"not_before"`
}

// Publisher is one user's instance.
type Publisher struct {
	mortise.Config[Settings]
	host   *mortise.Host
	client http.Client
}

func init() {
	mortise.Export(mortise.Manifest{
		ID:          "io.mortise.ntfy",
		Name:        "ntfy",
		Version:     "0.1.0",
		Description: "Publishes messages on an ntfy server.",
		Author:      "The Mortise developers",
		License:     "MIT OR Apache-2.0",
		Wants: []mortise.Want{
			mortise.WantReadMessages("to publish the messages", "*"),
			mortise.WantHTTP("to call the server in its configuration; granting only that host is enough", "*:*"),
		},
	}, func(host *mortise.Host) any {
		config := mortise.NewConfig(Settings{Server: "https://ntfy.sh"}, nil)
		client := http.Client{Timeout: timeout, CheckRedirect: stay}
		return &Publisher{Config: config, host: host, client: client}
	})
}

func main() { mortise.Run() }

// stay follows no redirect: Go's client would take the token to other ports of the
// same host.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// DefaultConfig is the text for a new user, with comments.
func (p *Publisher) DefaultConfig() string { return defaults }

// ConfigSchema is the JSON Schema of the settings, in which the token is a secret.
func (p *Publisher) ConfigSchema() string { return withSecret(p.Config.ConfigSchema(), "token") }

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
	return nil
}

// OnMessages publishes messages in their order.
func (p *Publisher) OnMessages(messages []mortise.Message) error {
	if p.Value.Topic == "" {
		return nil
	}
	var state State
	if err := p.host.GetJSON(stateKey, &state); err != nil {
		return err
	}
	began := time.Now()
	if pause := state.NotBefore.Sub(began); pause > 0 {
		return fmt.Errorf("the ntfy server takes the next message in %s", pause.Round(time.Second))
	}
	err := p.publishAll(messages, &state, began.Add(budget))
	if err != nil {
		if failed := p.host.SetJSON(stateKey, state); failed != nil {
			return failed
		}
	}
	return err
}

// publishAll notes the messages that were sent.
func (p *Publisher) publishAll(messages []mortise.Message, state *State, end time.Time) error {
	var sent []uint64
	for _, message := range messages {
		if p.Value.wants(message) && !slices.Contains(state.Sent, message.ID) {
			if time.Now().After(end) {
				state.note(sent)
				return errors.New("the ntfy server is slow; the other messages follow")
			}
			if err := p.publish(message, state); err != nil {
				state.note(sent)
				return fmt.Errorf("message %d: %w", message.ID, err)
			}
		}
		sent = append(sent, message.ID)
	}
	return nil
}

// note keeps the previous ids if there are no new ones.
func (s *State) note(sent []uint64) {
	if len(sent) > 0 {
		s.Sent = sent
	}
}

// publish sends one message. It returns failures that a later attempt may not have.
// If the server rejects a message because of its content, the plugin logs and skips
// it, because it would hold up all others.
func (p *Publisher) publish(message mortise.Message, state *State) error {
	body, err := json.Marshal(publicationOf(message, p.Value))
	if err != nil {
		return err
	}
	// ntfy takes JSON at its root, and the topic from the JSON.
	root := strings.TrimRight(p.Value.Server, "/") + "/"
	request, err := http.NewRequestWithContext(p.host.Context(), http.MethodPost, root, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if p.Value.Token != "" {
		request.Header.Set("Authorization", "Bearer "+p.Value.Token)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err != nil {
		return err
	}
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge:
		p.host.Log(mortise.LevelWarn, "the ntfy server rejected message %d with status %d: %s", message.ID, status, answer)
		return nil
	default:
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
			state.NotBefore = time.Now().Add(min(time.Duration(seconds)*time.Second, longestPause))
		}
		return fmt.Errorf("the ntfy server answered with status %d: %s", status, answer)
	}
}
