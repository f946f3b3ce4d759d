// Command go-native is the conformance plugin as a native plugin in Go: what it
// does is written down in tests/conformance/PLUGIN.md. What Gotify's v1
// interface has is done through that, the rest through the bridge's own.
package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	plugin "github.com/gotify/plugin-api"
	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

// GetGotifyPluginInfo returns the plugin's description.
func GetGotifyPluginInfo() plugin.Info {
	return plugin.Info{
		ModulePath:  "test.everything",
		Name:        "Everything",
		Version:     "0.1.0",
		Description: "Has every capability and does as it is told.",
		Author:      "Mortise's tests",
		License:     "MIT OR Apache-2.0",
		Website:     "https://example.org/everything",
	}
}

// Config is what the cases configure.
type Config struct {
	OnStart   string `yaml:"on_start" json:"on_start"`
	OnStop    string `yaml:"on_stop" json:"on_stop"`
	OnDisplay string `yaml:"on_display" json:"on_display"`
	Refuse    string `yaml:"refuse" json:"refuse"`
}

// Everything is the plugin of one user.
type Everything struct {
	host   *mortise.Host
	user   mortise.User
	config Config
	calls  int
}

// NewGotifyPluginInstance makes the plugin of one user.
func NewGotifyPluginInstance(user plugin.UserContext) plugin.Plugin {
	return &Everything{user: mortise.User{ID: uint64(user.ID), Name: user.Name, Admin: user.Admin}}
}

// SetHost keeps the host.
func (e *Everything) SetHost(host *mortise.Host) { e.host = host }

// Enable does the command on_start.
func (e *Everything) Enable() error { return e.doAndLog(e.config.OnStart) }

// Disable is not called: there is Stop.
func (e *Everything) Disable() error { return nil }

// Stop says why and does the command on_stop.
func (e *Everything) Stop(reason mortise.StopReason) error {
	e.host.Log(mortise.Info, "stopped: "+string(reason))
	return e.doAndLog(e.config.OnStop)
}

// DefaultConfig names every field and does nothing.
func (e *Everything) DefaultConfig() any { return &Config{} }

// ValidateAndSetConfig refuses what it is told to refuse.
func (e *Everything) ValidateAndSetConfig(config any) error {
	wanted := config.(*Config)
	if wanted.Refuse != "" {
		return mortise.ConfigError{{Path: "refuse", Text: wanted.Refuse}}
	}
	e.config = *wanted
	return nil
}

// ConfigSchema is a JSON Schema of Config.
func (e *Everything) ConfigSchema() string {
	return `{"type":"object","properties":{"on_start":{"type":"string"},"on_stop":{"type":"string"},"on_display":{"type":"string"},"refuse":{"type":"string"}}}`
}

// GetDisplay does the command on_display, or shows the server's address. v1
// gives it as a URL.
func (e *Everything) GetDisplay(location *url.URL) string {
	if e.config.OnDisplay != "" {
		answer, err := e.run(e.config.OnDisplay)
		if err != nil {
			return "error: " + err.Error()
		}
		return answer
	}
	at := "(none)"
	if location != nil {
		at = location.String()
	}
	return "# Everything\n\nat " + at + "\n"
}

// RegisterWebhook answers by path.
func (e *Everything) RegisterWebhook(basePath string, mux *gin.RouterGroup) {
	mux.Any("*path", func(c *gin.Context) {
		body, err := io.ReadAll(c.Request.Body)
		if err != nil {
			c.String(http.StatusInternalServerError, "%s", err)
			return
		}
		parts := strings.Split(strings.TrimPrefix(c.Param("path"), "/"), "/")
		switch {
		case len(parts) == 1 && parts[0] == "echo":
			c.JSON(http.StatusOK, e.echo(c, basePath, body))
		case len(parts) == 2 && parts[0] == "status":
			status, _ := strconv.Atoi(parts[1])
			c.Status(status)
			_, _ = c.Writer.Write(body)
		case len(parts) == 2 && parts[0] == "header-of":
			value := c.GetHeader(parts[1])
			if value == "" {
				value = "(none)"
			}
			c.String(http.StatusOK, "%s", value)
		case len(parts) == 3 && parts[0] == "header":
			c.Header(parts[1], parts[2])
			c.Status(http.StatusOK)
		default:
			answer, err := e.run(string(body))
			if err != nil {
				c.String(http.StatusInternalServerError, "%s", err)
				return
			}
			c.String(http.StatusOK, "%s", answer)
		}
	})
}

func (e *Everything) echo(c *gin.Context, basePath string, body []byte) mortise.WebhookRequest {
	request := mortise.WebhookRequest{
		Method:   c.Request.Method,
		Path:     strings.TrimPrefix(c.Request.URL.EscapedPath(), basePath),
		Headers:  []mortise.Header{},
		Body:     body,
		Client:   c.ClientIP(),
		Scheme:   c.GetHeader("X-Forwarded-Proto"),
		Host:     c.Request.Host,
		BasePath: basePath,
	}
	if query := c.Request.URL.RawQuery; query != "" {
		request.Query = &query
	}
	for name, values := range c.Request.Header {
		for _, value := range values {
			request.Headers = append(request.Headers, mortise.Header{Name: strings.ToLower(name), Value: value})
		}
	}
	return request
}

// Filter does the command that is the title.
func (e *Everything) Filter(draft mortise.Draft) (mortise.Verdict, error) {
	content := draft.Content
	word, rest, _ := strings.Cut(content.Title, " ")
	switch word {
	case "keep":
		return mortise.Keep, nil
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

// OnMessages does the commands that are the titles.
func (e *Everything) OnMessages(messages []mortise.Message) error {
	for _, message := range messages {
		if err := e.doAndKeep(message.Content.Title); err != nil {
			return err
		}
	}
	return nil
}

// OnTimer does the command that is the name.
func (e *Everything) OnTimer(name string) error { return e.doAndKeep(name) }

func (e *Everything) doAndLog(command string) error {
	if command == "" {
		return nil
	}
	answer, err := e.run(command)
	if err == nil {
		e.host.Log(mortise.Info, answer)
	}
	return err
}

func (e *Everything) doAndKeep(command string) error {
	answer, err := e.run(command)
	if err != nil {
		return err
	}
	return e.host.Set("answer", []byte(answer))
}

// asJSON writes a list that is nil as an empty one.
func asJSON[T any](value []T, err error) (string, error) {
	if err != nil {
		return "", err
	}
	if value == nil {
		value = []T{}
	}
	text, err := json.Marshal(value)
	return string(text), err
}

func main() {
	// What overflows the stack should not take a gigabyte first.
	debug.SetMaxStack(16 << 20)
	because := "to be tested with it"
	lowest := int32(-1000)
	mortise.Listens(mortise.Interests{Applications: []string{}, MinPriority: &lowest})
	mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance,
		mortise.Want(mortise.SendMessages, because),
		mortise.Want(mortise.ReadMessages("*"), because),
		mortise.Want(mortise.FilterMessages, because),
		mortise.Want(mortise.Webhook, because),
		mortise.Want(mortise.Cookies("session"), because),
		mortise.Want(mortise.HTTP("127.0.0.1:*"), because),
		mortise.Want(mortise.Environment("MORTISE_TEST"), because),
		mortise.Want(mortise.Timers, because),
		mortise.Want(mortise.SendToUsers("*"), because))
}
