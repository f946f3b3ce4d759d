package mortise

import (
	"encoding/json"
	"fmt"
	"time"
)

// The types of the contract, wit/types.wit, which explains every field. Their
// JSON is pinned by tests/golden.

// User is whom an instance belongs to.
type User struct {
	ID    uint64 `json:"id"`
	Name  string `json:"name"`
	Admin bool   `json:"admin"`
}

// Content is what a person reads. Extras is a JSON object as text; nil is none.
type Content struct {
	Title    string  `json:"title"`
	Body     string  `json:"body"`
	Priority int32   `json:"priority"`
	Extras   *string `json:"extras"`
}

// Application is where messages come from.
type Application struct {
	ID   uint64 `json:"id"`
	Name string `json:"name"`
}

// Draft is a message that has not been stored yet.
type Draft struct {
	Application Application `json:"application"`
	Content     Content     `json:"content"`
	ReceivedMS  uint64      `json:"received_ms"`
}

// Message is a stored message.
type Message struct {
	ID          uint64      `json:"id"`
	Application Application `json:"application"`
	Content     Content     `json:"content"`
	CreatedMS   uint64      `json:"created_ms"`
}

// Outgoing is a message to be sent; from the application named after the plugin
// where Application is empty.
type Outgoing struct {
	Application string
	Content     Content
}

// Verdict is what a filter decides about a draft: [Keep], [Replace] or [Drop].
type Verdict struct {
	replace *Content
	drop    *string
}

// Keep leaves the draft as it is.
func Keep() Verdict { return Verdict{} }

// Replace puts this content in place of what the draft had.
func Replace(content Content) Verdict { return Verdict{replace: &content} }

// Drop does not store the draft. The reason is kept for the user.
func Drop(reason string) Verdict { return Verdict{drop: &reason} }

// Schedule is when a timer fires: [Every], [Cron] or [Once].
type Schedule struct {
	everyMS  uint64
	cron     string
	onceAtMS *uint64
}

// Every fires again and again, first after one period of at least a second.
func Every(period time.Duration) Schedule {
	return Schedule{everyMS: milliseconds(period)}
}

// Cron fires by an expression of five fields, or six with seconds first, in the
// user's time zone.
func Cron(expression string) Schedule { return Schedule{cron: expression} }

// Once fires at a time, at once if it has passed.
func Once(at time.Time) Schedule {
	ms := sinceEpoch(at)
	return Schedule{onceAtMS: &ms}
}

// milliseconds is a duration as the contract has it, which is never negative.
func milliseconds(duration time.Duration) uint64 { return uint64(max(duration.Milliseconds(), 0)) }

// sinceEpoch is a time as the contract has it, which is never before the epoch.
func sinceEpoch(at time.Time) uint64 { return uint64(max(at.UnixMilli(), 0)) }

// MissedRuns is what becomes of a timer that came due while it could not fire,
// more than a minute ago.
type MissedRuns uint8

// The treatments of missed runs.
const (
	// MissedOnce: it fires once, however many times it missed.
	MissedOnce MissedRuns = iota
	// MissedSkip: it fires at its next time only; one that fires once is removed.
	MissedSkip
)

// String is the treatment's name in the contract's data form.
func (m MissedRuns) String() string {
	return [...]string{"once", "skip"}[min(m, MissedSkip)]
}

// TimerOptions are the details of a timer. Without any it is as [Host.SetTimer]
// sets it.
type TimerOptions struct {
	// Zone is the time zone of a cron expression, such as Europe/Berlin; empty for
	// the user's.
	Zone string
	// Jitter puts off every time by the same random duration of at most this, a
	// day at most and less than a period.
	Jitter time.Duration
	Missed MissedRuns
}

// Delivery is a message that was sent to one of several users.
type Delivery struct {
	User string
	// ID is the stored message's, if there is no error.
	ID uint64
	// Err is an [*Error].
	Err error
}

// deliveryData is a delivery in the contract's data form.
type deliveryData struct {
	User    string `json:"user"`
	Outcome struct {
		OK  *uint64              `json:"ok,omitempty"`
		Err map[ErrorKind]string `json:"err,omitempty"`
	} `json:"outcome"`
}

// MarshalJSON writes the contract's data form.
func (d Delivery) MarshalJSON() ([]byte, error) {
	data := deliveryData{User: d.User}
	switch err := d.Err.(type) {
	case nil:
		data.Outcome.OK = &d.ID
	case *Error:
		data.Outcome.Err = map[ErrorKind]string{err.Kind: err.Text}
	default:
		return nil, err
	}
	return json.Marshal(data)
}

// UnmarshalJSON reads the contract's data form.
func (d *Delivery) UnmarshalJSON(text []byte) error {
	var data deliveryData
	if err := json.Unmarshal(text, &data); err != nil {
		return err
	}
	*d = Delivery{User: data.User}
	if data.Outcome.OK != nil {
		d.ID = *data.Outcome.OK
		return nil
	}
	for kind, text := range data.Outcome.Err {
		d.Err = &Error{kind, text}
		return nil
	}
	return fmt.Errorf("the delivery to %q has no outcome", data.User)
}

// Level is the weight of a log line.
type Level uint8

// The levels.
const (
	LevelTrace Level = iota
	LevelDebug
	LevelInfo
	LevelWarn
	LevelError
)

// StopReason is why an instance is stopped.
type StopReason uint8

// The reasons.
const (
	Disabled StopReason = iota
	Reloading
	Idle
	ShuttingDown
)

// String is the reason's name in the contract's data form.
func (r StopReason) String() string {
	return [...]string{"disabled", "reloading", "idle", "shutting_down"}[min(r, ShuttingDown)]
}

// Problem is one thing that is wrong with a configuration. Path is where, such
// as rules[2].pattern; empty means the whole.
type Problem struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

// Header is one HTTP header.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// WebhookRequest is an HTTP request to a plugin's secret address.
type WebhookRequest struct {
	Method   string   `json:"method"`
	Path     string   `json:"path"`
	Query    *string  `json:"query"`
	Headers  []Header `json:"headers"`
	Body     []byte   `json:"body"`
	Client   string   `json:"client"`
	Scheme   string   `json:"scheme"`
	Host     string   `json:"host"`
	BasePath string   `json:"base_path"`
}

// Header returns the first value of a header, whatever its case.
func (r WebhookRequest) Header(name string) string { return header(r.Headers, name) }

// WebhookResponse is the answer to it. A Status of 0 is 200.
type WebhookResponse struct {
	Status  int
	Headers []Header
	Body    []byte
}

// Text answers with a text.
func Text(status int, text string) WebhookResponse {
	headers := []Header{{"content-type", "text/plain; charset=utf-8"}}
	return WebhookResponse{status, headers, []byte(text)}
}
