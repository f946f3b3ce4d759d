package main

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// Settings is what a user configures.
type Settings struct {
	Server       string   `yaml:"server" doc:"The broker: mqtt://host:1883, or mqtts://host:8883 for TLS. Empty sends nothing."`
	User         string   `yaml:"user" doc:"The name of the login, if the broker needs one."`
	Password     string   `yaml:"password" doc:"The password of the login. It is a secret."`
	Topic        string   `yaml:"topic" doc:"The topic. {application} becomes the application's name."`
	QoS          int      `yaml:"qos" doc:"0: at most once, 1: at least once, 2: exactly once for the broker."`
	Retain       bool     `yaml:"retain" doc:"True to have the broker keep the last message of each topic."`
	MinPriority  int      `yaml:"min_priority" doc:"Messages of a lower priority are not published, 0 to 10."`
	Applications []string `yaml:"applications" doc:"Only messages of these applications. Without any: of all."`
}

var initial = Settings{Topic: "mortise/{application}", QoS: 1}

const defaults = `# The broker: mqtt://host:1883, or mqtts://host:8883 for TLS. Empty sends nothing.
server: ""

# The login, if the broker needs one. The password is a secret.
user: ""
password: ""

# The topic. {application} becomes the application's name.
topic: mortise/{application}

# 0: at most once, 1: at least once, 2: exactly once for the broker.
qos: 1

# True to have the broker keep the last message of each topic.
retain: false

# Messages of a lower priority are not published.
min_priority: 0

# Only messages of these applications. Without any: of all.
applications: []
`

const longestTopic = 1000

func problems(settings Settings) (problems []mortise.Problem) {
	check := func(path string, good bool, text string) {
		if !good {
			problems = append(problems, mortise.Problem{Path: path, Text: text})
		}
	}
	at, err := url.Parse(settings.Server)
	isServer := err == nil && at.Hostname() != "" && at.Port() != "" && at.User == nil &&
		(at.Scheme == "mqtt" || at.Scheme == "mqtts")
	check("server", settings.Server == "" || isServer, "write mqtt:// or mqtts://, a host, and a port")
	check("user", settings.User != "" || settings.Password == "", "write the name that belongs to the password")
	isTopic := settings.Topic != "" && len(settings.Topic) <= longestTopic && !strings.ContainsAny(settings.Topic, "+#\x00")
	check("topic", isTopic, "write a topic without + and #, such as mortise/{application}")
	check("qos", settings.QoS >= 0 && settings.QoS <= 2, "write 0, 1 or 2")
	check("min_priority", settings.MinPriority >= 0 && settings.MinPriority <= 10, "write a number from 0 to 10")
	return problems
}

// wants tells whether a message is to be published.
func (s Settings) wants(message mortise.Message) bool {
	named := len(s.Applications) == 0 || slices.Contains(s.Applications, message.Application.Name)
	return named && int(message.Content.Priority) >= s.MinPriority
}

// topicOf is the topic of an application's messages. A name is one level.
func (s Settings) topicOf(application string) string {
	level := strings.NewReplacer("/", "_", "+", "_", "#", "_", "\x00", "_").Replace(application)
	return strings.ReplaceAll(s.Topic, "{application}", level)
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
