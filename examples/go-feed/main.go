// go-feed sends a message for each new entry of RSS and Atom feeds.
package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

const (
	timer = "poll"
	// The most messages of one feed in one go: a feed that changes all its
	// ids does not flood its reader.
	mostAtOnce = 10
	// The ids of a feed that are remembered.
	mostSeen = 500
)

// Settings is what a user configures.
type Settings struct {
	Minutes  int    `yaml:"minutes" doc:"How often the feeds are read, 1 to 1440."`
	Priority int    `yaml:"priority" doc:"Of the messages, 0 to 10."`
	Feeds    []Feed `yaml:"feeds" doc:"RSS and Atom feeds."`
}

// Feed is one feed to read.
type Feed struct {
	URL  string `yaml:"url" doc:"Its address."`
	Name string `yaml:"name" doc:"Put before titles; the feed's own title if it is empty."`
}

func check(settings Settings) error {
	if settings.Minutes < 1 || settings.Minutes > 1440 {
		return fmt.Errorf("minutes: write a number from 1 to 1440")
	}
	if settings.Priority < 0 || settings.Priority > 10 {
		return fmt.Errorf("priority: write a number from 0 to 10")
	}
	for i, feed := range settings.Feeds {
		at, err := url.Parse(feed.URL)
		if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
			return fmt.Errorf("feeds[%d].url: `%s` is no http or https address", i, feed.URL)
		}
	}
	return nil
}

// Poller is one user's instance.
type Poller struct {
	mortise.Config[Settings]
	host *mortise.Host
}

// State is what is kept of a feed, under its address.
type State struct {
	ETag     string   `json:"etag,omitempty"`
	Modified string   `json:"modified,omitempty"`
	Seen     []string `json:"seen,omitempty"`
	Problem  string   `json:"problem,omitempty"`
	Read     bool     `json:"read"`
}

func init() {
	mortise.Export(mortise.Manifest{
		ID:          "io.mortise.go-feed",
		Name:        "Feeds",
		Version:     "0.1.0",
		Description: "Sends a message for each new entry of RSS and Atom feeds.",
		Author:      "The Mortise developers",
		License:     "MIT OR Apache-2.0",
		Wants: []mortise.Want{
			mortise.WantTimers("to read the feeds regularly"),
			mortise.WantHTTP("to read the feeds, wherever they are", "*:*"),
			mortise.WantSendMessages("to tell what is new"),
		},
	}, func(host *mortise.Host) any {
		settings := Settings{Minutes: 15, Priority: 4}
		return &Poller{mortise.NewConfig(settings, check), host}
	})
}

func main() { mortise.Run() }

// Start sets the timer.
func (p *Poller) Start(mortise.User) error {
	return p.host.SetTimer(timer, mortise.Every(time.Duration(p.Value.Minutes)*time.Minute))
}

// Configure takes a configuration, and the timer's new period at once.
func (p *Poller) Configure(text string) []mortise.Problem {
	before := p.Value.Minutes
	if problems := p.Config.Configure(text); len(problems) > 0 {
		return problems
	}
	if before != p.Value.Minutes {
		if err := p.Start(mortise.User{}); err != nil {
			return []mortise.Problem{{Path: "minutes", Text: err.Error()}}
		}
	}
	return nil
}

// OnTimer reads all feeds. One that fails does not keep the others from it.
func (p *Poller) OnTimer(string) error {
	for _, feed := range p.Value.Feeds {
		if err := p.poll(feed); err != nil {
			p.host.Log(mortise.LevelWarn, "%s: %v", feed.URL, err)
		}
	}
	return nil
}

// poll reads one feed, sends what is new, and notes how it went.
func (p *Poller) poll(feed Feed) error {
	var state State
	if err := p.host.GetJSON(feed.URL, &state); err != nil {
		return err
	}
	err := p.read(feed, &state)
	state.Problem = ""
	if err != nil {
		state.Problem = err.Error()
	}
	if kept := p.host.SetJSON(feed.URL, state); kept != nil {
		return kept
	}
	return err
}

func (p *Poller) read(feed Feed, state *State) error {
	response, err := p.host.HTTP(mortise.Request{URL: feed.URL, Headers: conditions(*state)})
	switch {
	case err != nil:
		return err
	case response.Status == 304:
		return nil
	case !response.OK():
		return fmt.Errorf("the server answered with status %d", response.Status)
	}
	found, err := parse(response.Body)
	if err != nil {
		return err
	}
	fresh := unseen(found.Entries, state.Seen)
	if !state.Read {
		// The first time: what is there is not news.
		fresh, state.Seen, state.Read = nil, ids(found.Entries), true
	}
	// Oldest first, as one reads; each is noted as soon as it is sent.
	for i := len(fresh) - 1; i >= 0; i-- {
		if i < mostAtOnce {
			if err := p.send(feed, found.Title, fresh[i]); err != nil {
				return err
			}
		}
		state.Seen = append(state.Seen, fresh[i].ID)
	}
	state.Seen = state.Seen[max(len(state.Seen)-mostSeen, 0):]
	state.ETag, state.Modified = response.Header("etag"), response.Header("last-modified")
	return nil
}

func (p *Poller) send(feed Feed, title string, entry Entry) error {
	name := feed.Name
	if name == "" {
		name = title
	}
	body := strings.TrimSpace(entry.Title + "\n" + entry.Link)
	if body == "" {
		body = entry.ID
	}
	_, err := p.host.Send(mortise.Outgoing{
		Content: mortise.Content{Title: name, Body: body, Priority: int32(p.Value.Priority)},
	})
	return err
}

// conditions ask only for what changed.
func conditions(state State) []mortise.Header {
	headers := []mortise.Header{{Name: "user-agent", Value: "mortise-go-feed/0.1"}}
	if state.ETag != "" {
		headers = append(headers, mortise.Header{Name: "if-none-match", Value: state.ETag})
	}
	if state.Modified != "" {
		headers = append(headers, mortise.Header{Name: "if-modified-since", Value: state.Modified})
	}
	return headers
}

// Display shows how the feeds are.
func (p *Poller) Display(string) string {
	var page strings.Builder
	page.WriteString("# Feeds\n\n")
	if len(p.Value.Feeds) == 0 {
		page.WriteString("None yet: write some into the configuration.\n")
	}
	for _, feed := range p.Value.Feeds {
		state, how := State{}, "not read yet"
		switch err := p.host.GetJSON(feed.URL, &state); {
		case err != nil:
			how = err.Error()
		case state.Problem != "":
			how = state.Problem
		case state.Read:
			how = "read"
		}
		fmt.Fprintf(&page, "- %s: %s\n", feed.URL, how)
	}
	return page.String()
}
