// quiet-hours makes messages silent at night.
package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// mostHours bounds the work of one call.
const mostHours = 50

// Settings is what a user configures.
type Settings struct {
	Zone         string   `yaml:"zone" doc:"Your time zone, such as Europe/Berlin."`
	Hours        []Hours  `yaml:"hours" doc:"The quiet hours."`
	Priority     int      `yaml:"priority" doc:"The highest priority in quiet hours, 0 (silent) to 10."`
	Urgent       int      `yaml:"urgent" doc:"Messages from this priority on pass unchanged, 1 to 11. 11 means none."`
	Applications []string `yaml:"applications" doc:"Only messages of these applications. Without any: of all."`
}

const defaults = `# Your time zone.
zone: UTC

# Quiet hours. If the end is not after the beginning, it is on the next day. days
# are the days of the beginning: mon, tue, wed, thu, fri, sat, sun. Without any,
# the hours are for each day.
hours:
  - { from: "22:00", to: "07:00", days: [] }

# The highest priority of messages in quiet hours. 0 is silent.
priority: 0

# Messages from this priority on pass unchanged. 11 means none.
urgent: 8

# Only messages of these applications. Without any: of all.
applications: []
`

func problems(settings Settings) (problems []mortise.Problem) {
	add := func(path, text string) {
		problems = append(problems, mortise.Problem{Path: path, Text: text})
	}
	// `Local` would be the zone of the sandbox.
	if _, err := time.LoadLocation(settings.Zone); err != nil || settings.Zone == "Local" {
		add("zone", "write a time zone such as Europe/Berlin")
	}
	if len(settings.Hours) > mostHours {
		add("hours", fmt.Sprintf("write at most %d entries", mostHours))
	}
	for i, hours := range settings.Hours {
		problems = append(problems, hours.problems(fmt.Sprintf("hours[%d]", i))...)
	}
	if settings.Priority < 0 || settings.Priority > 10 {
		add("priority", "write a number from 0 to 10")
	}
	if settings.Urgent < 1 || settings.Urgent > 11 {
		add("urgent", "write a number from 1 to 11")
	}
	return problems
}

// Quiet is one user's instance.
type Quiet struct {
	mortise.Config[Settings]
	zone *time.Location
}

func init() {
	mortise.Export(mortise.Manifest{
		ID:          "io.mortise.quiet-hours",
		Name:        "Quiet hours",
		Version:     "0.1.0",
		Description: "Makes messages silent at night, except urgent ones.",
		Author:      "The Mortise developers",
		License:     "MIT OR Apache-2.0",
		Wants: []mortise.Want{
			mortise.WantFilterMessages("to lower the priority of messages in quiet hours"),
		},
	}, func(*mortise.Host) any {
		settings := Settings{
			Zone:   "UTC",
			Hours:  []Hours{{From: "22:00", To: "07:00"}},
			Urgent: 8,
		}
		return &Quiet{mortise.NewConfig(settings, nil), time.UTC}
	})
}

func main() { mortise.Run() }

// DefaultConfig is the text for a new user, with comments.
func (q *Quiet) DefaultConfig() string { return defaults }

// Configure takes a configuration, or returns its problems and keeps the previous
// one.
func (q *Quiet) Configure(text string) []mortise.Problem {
	before := q.Value
	if wrong := q.Config.Configure(text); len(wrong) > 0 {
		return wrong
	}
	if wrong := problems(q.Value); len(wrong) > 0 {
		q.Value = before
		return wrong
	}
	q.zone, _ = time.LoadLocation(q.Value.Zone)
	return nil
}

// Filter lowers the priority of a message in quiet hours.
func (q *Quiet) Filter(draft mortise.Draft) (mortise.Verdict, error) {
	priority, named := int(draft.Content.Priority), q.Value.Applications
	switch {
	case priority <= q.Value.Priority, priority >= q.Value.Urgent:
		return mortise.Keep(), nil
	case len(named) > 0 && !slices.Contains(named, draft.Application.Name):
		return mortise.Keep(), nil
	case !q.isQuiet(time.UnixMilli(int64(draft.ReceivedMS))):
		return mortise.Keep(), nil
	}
	draft.Content.Priority = int32(q.Value.Priority)
	return mortise.Replace(draft.Content), nil
}

func (q *Quiet) isQuiet(at time.Time) bool {
	at = at.In(q.zone)
	return slices.ContainsFunc(q.Value.Hours, func(hours Hours) bool { return hours.contains(at) })
}

// Display shows the quiet hours.
func (q *Quiet) Display(string) string {
	if len(q.Value.Hours) == 0 {
		return "There are no quiet hours in the configuration."
	}
	var page strings.Builder
	fmt.Fprintf(&page, "Quiet hours (%s):\n\n", q.zone)
	for _, hours := range q.Value.Hours {
		fmt.Fprintf(&page, "- %s\n", hours)
	}
	return page.String()
}
