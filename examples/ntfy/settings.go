package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// Settings is what a user configures.
type Settings struct {
	Server       string   `yaml:"server" doc:"The address of the ntfy server."`
	Topic        string   `yaml:"topic" doc:"The topic. Empty sends nothing."`
	Token        string   `yaml:"token" doc:"An access token, if the topic needs one. It is a secret."`
	MinPriority  int      `yaml:"min_priority" doc:"Messages of a lower priority are not sent, 0 to 10."`
	Tags         []string `yaml:"tags" doc:"Tags beside the application's name. ntfy shows some as emoji, such as warning."`
	Applications []string `yaml:"applications" doc:"Only messages of these applications. Without any: of all."`
}

const defaults = `# The address of the ntfy server.
server: https://ntfy.sh

# The topic. Empty sends nothing.
topic: ""

# An access token, if the topic needs one. It is a secret.
token: ""

# Messages of a lower priority are not sent.
min_priority: 0

# Tags beside the application's name. ntfy shows some as emoji, such as warning.
tags: []

# Only messages of these applications. Without any: of all.
applications: []
`

// ntfy's bounds.
var (
	topic = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)
	token = regexp.MustCompile(`^[!-~]*$`)
)

const mostTags = 10

func problems(settings Settings) (problems []mortise.Problem) {
	check := func(path string, good bool, text string) {
		if !good {
			problems = append(problems, mortise.Problem{Path: path, Text: text})
		}
	}
	at, err := url.Parse(settings.Server)
	isServer := err == nil && at.Host != "" && (at.Scheme == "http" || at.Scheme == "https")
	check("server", isServer, "write https:// and the server's host")
	isTopic := settings.Topic == "" || topic.MatchString(settings.Topic)
	check("topic", isTopic, "write up to 64 letters, digits, - and _")
	check("token", token.MatchString(settings.Token), "write the token as ntfy shows it, such as tk_…")
	isPriority := settings.MinPriority >= 0 && settings.MinPriority <= 10
	check("min_priority", isPriority, "write a number from 0 to 10")
	check("tags", len(settings.Tags) <= mostTags, fmt.Sprintf("write at most %d tags", mostTags))
	for i, tag := range settings.Tags {
		path := fmt.Sprintf("tags[%d]", i)
		check(path, tag != "" && !strings.Contains(tag, ","), "write a tag without commas")
	}
	return problems
}

// wants tells whether a message is to be sent.
func (s Settings) wants(message mortise.Message) bool {
	named := len(s.Applications) == 0 || slices.Contains(s.Applications, message.Application.Name)
	return named && int(message.Content.Priority) >= s.MinPriority
}

// withSecret marks a field of a JSON Schema as a secret.
func withSecret(text, name string) string {
	var schema struct {
		Type       string                    `json:"type"`
		Properties map[string]map[string]any `json:"properties"`
		Additional bool                      `json:"additionalProperties"`
	}
	if err := json.Unmarshal([]byte(text), &schema); err != nil || schema.Properties[name] == nil {
		return text
	}
	schema.Properties[name]["writeOnly"] = true
	schema.Properties[name]["format"] = "password"
	marked, err := json.Marshal(schema)
	if err != nil {
		return text
	}
	return string(marked)
}
