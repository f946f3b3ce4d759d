// The conformance plugin in Go. ../../PLUGIN.md says what it does.
package main

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// Settings is what cases configure.
type Settings struct {
	OnStart   string `yaml:"on_start"`
	OnStop    string `yaml:"on_stop"`
	OnDisplay string `yaml:"on_display"`
	Refuse    string `yaml:"refuse"`
}

// Everything has every capability and does as it is told.
type Everything struct {
	mortise.Config[Settings]
	host  *mortise.Host
	user  *mortise.User
	calls int
}

func init() {
	const reason = "to be tested with it"
	lowest := int32(-1000)
	mortise.Export(mortise.Manifest{
		ID:          "test.everything",
		Name:        "Everything",
		Version:     "0.1.0",
		Description: "Has every capability and does as it is told.",
		Author:      "Mortise's tests",
		License:     "MIT OR Apache-2.0",
		Website:     "https://example.org/everything",
		Wants: []mortise.Want{
			mortise.WantSendMessages(reason),
			mortise.WantReadMessages(reason, "*"),
			mortise.WantFilterMessages(reason),
			mortise.WantWebhook(reason),
			mortise.WantCookies(reason, "session"),
			mortise.WantHTTP(reason, "127.0.0.1:*"),
			mortise.WantEnvironment(reason, "MORTISE_TEST"),
			mortise.WantTimers(reason),
			mortise.WantSendToUsers(reason, "*"),
		},
		Listens: &mortise.Interests{MinPriority: &lowest},
	}, func(host *mortise.Host) any {
		return &Everything{mortise.NewConfig(Settings{}, nil), host, nil, 0}
	})
}

func main() { mortise.Run() }

// Start keeps the user and does on_start.
func (e *Everything) Start(user mortise.User) error {
	e.user = &user
	return e.runAndLog(e.Value.OnStart)
}

// Stop does on_stop.
func (e *Everything) Stop(reason mortise.StopReason) error {
	e.host.Info("stopped: %s", reason)
	return e.runAndLog(e.Value.OnStop)
}

func (e *Everything) runAndLog(command string) error {
	if command == "" {
		return nil
	}
	answer, err := e.run(command)
	if err == nil {
		e.host.Info("%s", answer)
	}
	return err
}

// Configure takes a configuration but one that asks to be refused.
func (e *Everything) Configure(text string) []mortise.Problem {
	before := e.Value
	if problems := e.Config.Configure(text); len(problems) > 0 {
		return problems
	}
	if refuse := e.Value.Refuse; refuse != "" {
		e.Value = before
		return []mortise.Problem{{Path: "refuse", Text: refuse}}
	}
	return nil
}

// Display does on_display.
func (e *Everything) Display(baseURL string) string {
	if e.Value.OnDisplay != "" {
		answer, err := e.run(e.Value.OnDisplay)
		if err != nil {
			return "error: " + err.Error()
		}
		return answer
	}
	if baseURL == "" {
		baseURL = "(none)"
	}
	return "# Everything\n\nat " + baseURL + "\n"
}

// Handle answers by the path.
func (e *Everything) Handle(request mortise.WebhookRequest) mortise.WebhookResponse {
	word, rest, _ := strings.Cut(request.Path, "/")
	switch word {
	case "":
		answer, err := e.run(string(request.Body))
		if err != nil {
			return mortise.Text(500, err.Error())
		}
		return mortise.Text(200, answer)
	case "echo":
		text, err := asJSON(request)
		if err != nil {
			return mortise.Text(500, err.Error())
		}
		return mortise.Text(200, text)
	case "status":
		status, err := strconv.Atoi(rest)
		if err != nil {
			return mortise.Text(400, err.Error())
		}
		return mortise.WebhookResponse{Status: status, Body: request.Body}
	case "header":
		name, value, _ := strings.Cut(rest, "/")
		return mortise.WebhookResponse{Headers: []mortise.Header{{Name: name, Value: value}}}
	case "header-of":
		for _, header := range request.Headers {
			if header.Name == rest {
				return mortise.Text(200, header.Value)
			}
		}
		return mortise.Text(200, "(none)")
	default:
		return mortise.Text(404, "no such path")
	}
}

// Filter takes the title as a command.
func (e *Everything) Filter(draft mortise.Draft) (mortise.Verdict, error) {
	content := draft.Content
	word, rest, _ := strings.Cut(content.Title, " ")
	switch word {
	case "keep":
		return mortise.Keep(), nil
	case "drop":
		return mortise.Drop(rest), nil
	case "replace":
		content.Body = rest
		return mortise.Replace(content), nil
	}
	answer, err := e.run(content.Title)
	content.Title, content.Body = "result", answer
	return mortise.Replace(content), err
}

// OnMessages takes each title as a command.
func (e *Everything) OnMessages(messages []mortise.Message) error {
	for _, message := range messages {
		if err := e.runAndStore(message.Content.Title); err != nil {
			return err
		}
	}
	return nil
}

// OnTimer takes the name as a command.
func (e *Everything) OnTimer(name string) error { return e.runAndStore(name) }

func (e *Everything) runAndStore(command string) error {
	answer, err := e.run(command)
	if err != nil {
		return err
	}
	return e.host.Set("answer", []byte(answer))
}

func asJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}

var errNumber = errors.New("this is not the number that belongs here")
