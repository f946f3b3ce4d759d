package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	// Components have no files of the system with the zones.
	_ "time/tzdata"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// Hours are quiet hours on some days. They may end on the next day.
type Hours struct {
	Days []string `yaml:"days" doc:"The days on which they begin: mon, tue, wed, thu, fri, sat, sun. Without any: each day."`
	From string   `yaml:"from" doc:"Their beginning, such as 22:00."`
	To   string   `yaml:"to" doc:"Their end, such as 07:00. An end that is not after the beginning is on the next day."`
}

// weekdays has the days' names in the order of [time.Weekday].
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const clock = "15:04"

// contains tells whether a time of the user's zone lies in the hours.
func (h Hours) contains(at time.Time) bool {
	from, to, now := minute(h.From), minute(h.To), at.Hour()*60+at.Minute()
	if from < to {
		return from <= now && now < to && h.on(at.Weekday())
	}
	// Over midnight: the hours of today, or the rest of yesterday's.
	return now >= from && h.on(at.Weekday()) || now < to && h.on((at.Weekday()+6)%7)
}

// on tells whether the hours begin on a day.
func (h Hours) on(day time.Weekday) bool {
	return len(h.Days) == 0 || slices.Contains(h.Days, weekdays[day])
}

// String describes the hours for the plugin's page.
func (h Hours) String() string {
	days := "each day"
	if len(h.Days) > 0 {
		days = strings.Join(h.Days, ", ")
	}
	return fmt.Sprintf("%s to %s, %s", h.From, h.To, days)
}

// problems checks the hours, which have this path in the configuration.
func (h Hours) problems(path string) (problems []mortise.Problem) {
	for i, day := range h.Days {
		if !slices.Contains(weekdays, day) {
			text := "write " + strings.Join(weekdays, ", ")
			problems = append(problems, mortise.Problem{Path: fmt.Sprintf("%s.days[%d]", path, i), Text: text})
		}
	}
	for name, value := range map[string]string{"from": h.From, "to": h.To} {
		if _, err := time.Parse(clock, value); err != nil {
			text := "write a time such as 22:00, in quotes"
			problems = append(problems, mortise.Problem{Path: path + "." + name, Text: text})
		}
	}
	slices.SortFunc(problems, func(a, b mortise.Problem) int { return strings.Compare(a.Path, b.Path) })
	return problems
}

// minute returns the minute of the day of a checked time.
func minute(value string) int {
	at, err := time.Parse(clock, value)
	if err != nil {
		return 0
	}
	return at.Hour()*60 + at.Minute()
}
