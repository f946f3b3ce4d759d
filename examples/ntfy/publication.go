package main

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// ntfy's bounds in bytes. It makes a file of a longer text, if it allows files.
const (
	longestTitle = 250
	longestText  = 4096
)

// Publication is a message in ntfy's format.
type Publication struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
	Markdown bool     `json:"markdown,omitempty"`
}

// extras are the parts of a message's extras that ntfy knows.
type extras struct {
	Display struct {
		ContentType string `json:"contentType"`
	} `json:"client::display"`
	Notification struct {
		Click struct {
			URL string `json:"url"`
		} `json:"click"`
	} `json:"client::notification"`
}

func publicationOf(message mortise.Message, settings Settings) Publication {
	content, name := message.Content, message.Application.Name
	title := content.Title
	if title == "" {
		title = name
	}
	var known extras
	if content.Extras != nil {
		// Extras of another form are other programs'.
		if err := json.Unmarshal([]byte(*content.Extras), &known); err != nil {
			known = extras{}
		}
	}
	return Publication{
		Topic:    settings.Topic,
		Title:    shorten(title, longestTitle),
		Message:  shorten(content.Body, longestText),
		Priority: priority(content.Priority),
		// A comma would divide a tag.
		Tags:     append([]string{strings.ReplaceAll(name, ",", " ")}, settings.Tags...),
		Click:    known.Notification.Click.URL,
		Markdown: known.Display.ContentType == "text/markdown",
	}
}

// priority converts a priority of 0 to 10 to ntfy's 1 to 5. Gotify's apps ring from
// 4 on, and insist from 8 on.
func priority(priority int32) int {
	switch {
	case priority <= 0:
		return 1
	case priority < 4:
		return 2
	case priority < 8:
		return 3
	case priority < 10:
		return 4
	default:
		return 5
	}
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
