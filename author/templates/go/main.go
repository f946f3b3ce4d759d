// {{title}}.
package main

import (
	// @if configurer displayer listener filter timer
	// @if configurer
	"errors"
	// @end
	// @if displayer listener
	"fmt"
	// @end
	// @if filter
	"strings"
	// @end
	// @if timer
	"time"
	// @end

	// @end
	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// @if filter webhook timer configurer
const prefix = "[{{name}}] "

// @end
// @if configurer
// Settings is what a user configures.
type Settings struct {
	Prefix string `yaml:"prefix" doc:"Put before each title."`
}

func check(settings Settings) error {
	if len(settings.Prefix) > 64 {
		return errors.New("prefix: write at most 64 characters")
	}
	return nil
}

// @end
// {{camel}} is one user's instance of the plugin.
type {{camel}} struct {
	// @if configurer
	mortise.Config[Settings]
	// @end
	host *mortise.Host
}

func init() {
	manifest := mortise.Manifest{
		ID:          "{{id}}",
		Name:        "{{title}}",
		Version:     "0.1.0",
		Description: "Says what it does, in a sentence.",
	}
	// @if filter listener webhook timer
	manifest.Wants = []mortise.Want{
		// @if filter
		mortise.WantFilterMessages("to put a prefix before titles"),
		// @end
		// @if listener
		mortise.WantReadMessages("to count messages", "*"),
		// @end
		// @if webhook
		mortise.WantWebhook("to be told what to send"),
		// @end
		// @if timer
		mortise.WantTimers("to speak up every hour"),
		// @end
		// @if webhook timer
		mortise.WantSendMessages("to send what it was told, or on time"),
		// @end
	}
	// @end
	mortise.Export(manifest, func(host *mortise.Host) any {
		plugin := &{{camel}}{host: host}
		// @if configurer
		plugin.Config = mortise.NewConfig(Settings{Prefix: prefix}, check)
		// @end
		return plugin
	})
}

func main() { mortise.Run() }
// @if filter webhook timer

func (p *{{camel}}) prefix() string {
	// @if configurer
	return p.Value.Prefix
	// @else
	return prefix
	// @end
}
// @end
// @if timer

// Start is called when the instance comes up.
func (p *{{camel}}) Start(mortise.User) error {
	return p.host.SetTimer("hourly", mortise.Every(time.Hour))
}

// OnTimer is called when the timer comes due.
func (p *{{camel}}) OnTimer(string) error {
	_, err := p.host.SendText(p.prefix()+"timer", "an hour has passed")
	return err
}
// @end
// @if filter

// Filter has a say in every message before it is stored.
func (p *{{camel}}) Filter(draft mortise.Draft) (mortise.Verdict, error) {
	if strings.HasPrefix(draft.Content.Title, p.prefix()) {
		return mortise.Keep(), nil
	}
	draft.Content.Title = p.prefix() + draft.Content.Title
	return mortise.Replace(draft.Content), nil
}
// @end
// @if webhook

// Handle answers requests to the plugin's secret address.
func (p *{{camel}}) Handle(request mortise.WebhookRequest) mortise.WebhookResponse {
	if _, err := p.host.SendText(p.prefix()+"webhook", string(request.Body)); err != nil {
		return mortise.Text(502, err.Error())
	}
	return mortise.Text(200, "sent")
}
// @end
// @if listener

// OnMessages is given every stored message.
func (p *{{camel}}) OnMessages(messages []mortise.Message) error {
	var count int
	if err := p.host.GetJSON("count", &count); err != nil {
		return fmt.Errorf("the count is lost: %w", err)
	}
	return p.host.SetJSON("count", count+len(messages))
}
// @end
// @if displayer

// Display is shown on the plugin's page.
func (p *{{camel}}) Display(string) string {
	var count int
	if err := p.host.GetJSON("count", &count); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("# {{title}}\n\n%d messages so far.\n", count)
}
// @end
