package main

import (
	"encoding/json"
	"fmt"
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
	Topic        string   `yaml:"topic" doc:"The topic. {application} becomes the application's name. Empty publishes nothing."`
	QoS          int      `yaml:"qos" doc:"In both directions, 0: at most once, 1: at least once, 2: exactly once for the broker."`
	Retain       bool     `yaml:"retain" doc:"True to have the broker keep the last message of each topic."`
	MinPriority  int      `yaml:"min_priority" doc:"Messages of a lower priority are not published, 0 to 10."`
	Applications []string `yaml:"applications" doc:"Only messages of these applications. Without any: of all."`

	Subscribe []Subscription `yaml:"subscribe" doc:"The topics whose publications become messages."`
}

// Subscription is a topic whose publications become messages.
type Subscription struct {
	Topic    string `yaml:"topic" doc:"The topic, with + for any level and # for all further ones."`
	Title    string `yaml:"title" doc:"The messages' title. {topic} becomes the topic, and {1} its first level. Without one: the topic."`
	Priority *int   `yaml:"priority" doc:"The messages' priority, 0 to 10. Without one: 5."`
	Retained bool   `yaml:"retained" doc:"True to send retained publications too, once for each new payload."`
}

var initial = Settings{Topic: "mortise/{application}", QoS: 1}

const defaults = `# The broker: mqtt://host:1883, or mqtts://host:8883 for TLS. Empty sends nothing.
server: ""

# The login, if the broker needs one. The password is a secret.
user: ""
password: ""

# The topic. {application} becomes the application's name. Empty publishes nothing.
topic: mortise/{application}

# In both directions, 0: at most once, 1: at least once, 2: exactly once for the broker.
qos: 1

# True to have the broker keep the last message of each topic.
retain: false

# Messages of a lower priority are not published.
min_priority: 0

# Only messages of these applications. Without any: of all.
applications: []

# The topics whose publications become messages, with + for any level and # for all
# further ones. In the title, {topic} becomes the topic, and {2} its second level.
# subscribe:
#   - { topic: home/+/alarm, title: "Alarm: {2}", priority: 8, retained: false }
subscribe: []
`

const (
	longestTopic      = 1000
	mostSubscriptions = 50
	defaultPriority   = 5
)

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
	isTopic := len(settings.Topic) <= longestTopic && !strings.ContainsAny(settings.Topic, "+#\x00")
	check("topic", isTopic, "write a topic without + and #, such as mortise/{application}")
	check("qos", settings.QoS >= 0 && settings.QoS <= 2, "write 0, 1 or 2")
	check("min_priority", settings.MinPriority >= 0 && settings.MinPriority <= 10, "write a number from 0 to 10")
	check("subscribe", len(settings.Subscribe) <= mostSubscriptions, fmt.Sprintf("write at most %d entries", mostSubscriptions))
	for i, subscription := range settings.Subscribe {
		path, priority := fmt.Sprintf("subscribe[%d].", i), subscription.priority()
		check(path+"topic", isFilter(subscription.Topic), "write a topic such as home/+/alarm or home/#")
		check(path+"priority", priority >= 0 && priority <= 10, "write a number from 0 to 10")
	}
	return problems
}

// isFilter tells whether a topic can be subscribed to. Shared subscriptions cannot:
// their topics are not those of the publications.
func isFilter(topic string) bool {
	levels := strings.Split(topic, "/")
	for i, level := range levels {
		isWildcard := level == "+" || level == "#" && i == len(levels)-1
		if !isWildcard && strings.ContainsAny(level, "+#\x00") {
			return false
		}
	}
	return topic != "" && len(topic) <= longestTopic && levels[0] != "$share"
}

// matches tells whether a subscription has a topic. A wildcard at the beginning is
// not for the broker's own topics.
func (s Subscription) matches(topic string) bool {
	wanted, levels := strings.Split(s.Topic, "/"), strings.Split(topic, "/")
	if strings.HasPrefix(topic, "$") && wanted[0] != levels[0] {
		return false
	}
	for i, level := range wanted {
		if level == "#" {
			return true
		}
		if i >= len(levels) || level != "+" && level != levels[i] {
			return false
		}
	}
	return len(wanted) == len(levels)
}

// titleOf is the title of a topic's messages.
func (s Subscription) titleOf(topic string) string {
	if s.Title == "" {
		return topic
	}
	pairs := []string{"{topic}", topic}
	for i, level := range strings.Split(topic, "/") {
		pairs = append(pairs, fmt.Sprintf("{%d}", i+1), level)
	}
	return strings.NewReplacer(pairs...).Replace(s.Title)
}

func (s Subscription) priority() int {
	if s.Priority == nil {
		return defaultPriority
	}
	return *s.Priority
}

// subscriptionOf is the first subscription that has a topic.
func (s Settings) subscriptionOf(topic string) (Subscription, bool) {
	i := slices.IndexFunc(s.Subscribe, func(one Subscription) bool { return one.matches(topic) })
	if i < 0 {
		return Subscription{}, false
	}
	return s.Subscribe[i], true
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
