// Command beyond is a v1 plugin that does also what v1 could not.
package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gotify/plugin-api"
	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

// GetGotifyPluginInfo returns the plugin's description.
func GetGotifyPluginInfo() plugin.Info {
	return plugin.Info{ModulePath: "example.org/beyond", Name: "Beyond", Version: "1.0.0"}
}

// Plugin is the plugin of one user.
type Plugin struct{ host *mortise.Host }

// SetHost keeps the host.
func (p *Plugin) SetHost(host *mortise.Host) { p.host = host }

// Enable sets a timer.
func (p *Plugin) Enable() error {
	return p.host.SetTimer("tidy", mortise.Every(time.Minute))
}

// Disable is not called: there is Stop.
func (p *Plugin) Disable() error { return errors.New("disabled without a reason") }

// Stop cancels it, and says why.
func (p *Plugin) Stop(reason mortise.StopReason) error {
	p.host.Log(mortise.Info, "stopped: "+string(reason))
	return p.host.CancelTimer("tidy")
}

// Config is what its user chooses.
type Config struct{ Words []string }

// DefaultConfig has none.
func (p *Plugin) DefaultConfig() interface{} { return &Config{} }

// ValidateAndSetConfig says where it is wrong.
func (p *Plugin) ValidateAndSetConfig(config interface{}) error {
	var wrong mortise.ConfigError
	for i, word := range config.(*Config).Words {
		if word == "" {
			wrong = append(wrong, mortise.Problem{Path: fmt.Sprintf("words[%d]", i), Text: "an empty word"})
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// Filter drops advertisements and tidies titles.
func (p *Plugin) Filter(draft mortise.Draft) (mortise.Verdict, error) {
	content := draft.Content
	switch {
	case strings.Contains(content.Body, "buy now"):
		return mortise.Drop("an advertisement"), nil
	case content.Title != strings.TrimSpace(content.Title):
		content.Title = strings.TrimSpace(content.Title)
		return mortise.Replace(content), nil
	case content.Body == "?":
		return mortise.Keep, errors.New("cannot tell")
	}
	return mortise.Keep, nil
}

// OnMessages keeps the last message's title.
func (p *Plugin) OnMessages(messages []mortise.Message) error {
	last := messages[len(messages)-1]
	return p.host.Set("last", []byte(last.Content.Title))
}

// OnTimer removes what was sent and says so.
func (p *Plugin) OnTimer(name string) error {
	sent, err := p.host.Sent(nil, 200)
	if err != nil {
		return err
	}
	for _, message := range sent {
		if err := p.host.Remove(message.ID); err != nil {
			return err
		}
	}
	last, err := p.host.Get("last")
	if err != nil {
		return err
	}
	application := "Tidier"
	id, err := p.host.Send(mortise.Outgoing{Application: &application, Content: mortise.Content{
		Title: name, Body: fmt.Sprintf("removed %d; last was %q", len(sent), last),
	}})
	if err != nil {
		return err
	}
	p.host.Log(mortise.Info, fmt.Sprintf("sent %d", id))
	return nil
}

// NewGotifyPluginInstance makes the plugin of one user.
func NewGotifyPluginInstance(plugin.UserContext) plugin.Plugin { return &Plugin{} }

func main() {
	mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance,
		mortise.Want(mortise.SendMessages, "Says what it tidied."),
		mortise.Want(mortise.FilterMessages, "Drops advertisements."),
		mortise.Want(mortise.ReadMessages("*"), "Keeps the last title."),
		mortise.Want(mortise.Timers, "Tidies once a minute."),
		mortise.Want(mortise.Files(mortise.Directory{Path: "/srv/beyond", Writable: true}), "Writes reports."),
		mortise.Want(mortise.Environment("BEYOND_TOKEN"), "Logs in with it."),
		mortise.Want(mortise.Cookies("session"), "Keeps the login."))
}
