package mortise

import (
	"encoding/json"
	"fmt"
	"time"

	msgpack "github.com/ugorji/go/codec"
)

// The types of the contract, wit/types.wit, which explains every field. Their
// JSON is pinned by tests/golden; MessagePack has the same names and shapes.

// User is whom an instance belongs to.
type User struct {
	ID    uint64 `json:"id"`
	Name  string `json:"name"`
	Admin bool   `json:"admin"`
}

// Content is what a person reads. Extras is a JSON object as text.
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
// where Application is nil.
type Outgoing struct {
	Application *string `json:"application"`
	Content     Content `json:"content"`
}

// Level is the weight of a log line.
type Level string

// The levels.
const (
	Trace  Level = "trace"
	Debug  Level = "debug"
	Info   Level = "info"
	Warn   Level = "warn"
	Severe Level = "error"
)

// Manifest is who a plugin is and what it asks for.
type Manifest struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Version     string    `json:"version"`
	Description string    `json:"description"`
	Author      string    `json:"author"`
	License     string    `json:"license"`
	Website     string    `json:"website"`
	Wants       []Request `json:"wants"`
	// Listens is which messages a listener wants; nil for all that it may read.
	Listens *Interests `json:"listens,omitempty"`
}

// Interests are the messages that a listener wants: of these applications, or of
// all if there are none, and of at least this priority, or of any if it is nil.
type Interests struct {
	Applications []string `json:"applications"`
	MinPriority  *int32   `json:"min_priority"`
}

// StopReason is why an instance is stopped.
type StopReason string

// The reasons.
const (
	// Disabled: its user disabled it, or was removed.
	Disabled StopReason = "disabled"
	// Reloading: a new version or configuration takes its place.
	Reloading StopReason = "reloading"
	// Idle: it was not called for a while.
	Idle StopReason = "idle"
	// ShuttingDown: the server ends.
	ShuttingDown StopReason = "shutting_down"
)

// Problem is one thing that is wrong with a configuration.
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

// WebhookResponse is the answer to it. Headers and Body must not be nil.
type WebhookResponse struct {
	Status  int      `json:"status"`
	Headers []Header `json:"headers"`
	Body    []byte   `json:"body"`
}

// ErrorKind says what kind of refusal an [Error] is.
type ErrorKind string

// The kinds of errors.
const (
	// Denied: a grant is missing; the text names the permission.
	Denied ErrorKind = "denied"
	// Invalid: an argument is malformed or exceeds a bound.
	Invalid ErrorKind = "invalid"
	// Exhausted: a quota or rate is used up; the text says when to retry.
	Exhausted ErrorKind = "exhausted"
	// Unavailable: the server could not do it now.
	Unavailable ErrorKind = "unavailable"
)

// Error is why the server refused what a plugin asked. Every error of the
// handlers that this package gives to plugins is one.
type Error struct {
	Kind ErrorKind
	Text string
}

func (e *Error) Error() string { return string(e.Kind) + ": " + e.Text }

func (e Error) wire() any { return map[ErrorKind]string{e.Kind: e.Text} }

func (e *Error) fromWire(name string, payload func(any) error) error {
	switch kind := ErrorKind(name); kind {
	case Denied, Invalid, Exhausted, Unavailable:
		e.Kind = kind
		return payload(&e.Text)
	}
	return fmt.Errorf("an error of the unknown kind %q", name)
}

// MarshalJSON writes the variant of the contract.
func (e Error) MarshalJSON() ([]byte, error) { return json.Marshal(e.wire()) }

// UnmarshalJSON reads the variant of the contract.
func (e *Error) UnmarshalJSON(text []byte) error { return variantFromJSON(text, e) }

// CodecEncodeSelf writes the variant of the contract as MessagePack.
func (e Error) CodecEncodeSelf(encoder *msgpack.Encoder) { encoder.MustEncode(e.wire()) }

// CodecDecodeSelf reads the variant of the contract as MessagePack.
func (e *Error) CodecDecodeSelf(decoder *msgpack.Decoder) { variantFromMsgpack(decoder, e) }

// Verdict is what a filter decides about a draft: [Keep], [Replace] or [Drop].
type Verdict struct {
	replace *Content
	drop    *string
}

// Keep leaves the draft as it is.
var Keep = Verdict{}

// Replace puts this content in place of what the draft had.
func Replace(content Content) Verdict { return Verdict{replace: &content} }

// Drop does not store it; the reason is for the trace.
func Drop(reason string) Verdict { return Verdict{drop: &reason} }

func (v Verdict) wire() any {
	switch {
	case v.replace != nil:
		return map[string]*Content{"replace": v.replace}
	case v.drop != nil:
		return map[string]*string{"drop": v.drop}
	}
	return "keep"
}

func (v *Verdict) fromWire(name string, payload func(any) error) error {
	*v = Verdict{}
	switch name {
	case "keep":
		return nil
	case "replace":
		v.replace = new(Content)
		return payload(v.replace)
	case "drop":
		v.drop = new(string)
		return payload(v.drop)
	}
	return fmt.Errorf("the unknown verdict %q", name)
}

// MarshalJSON writes the variant of the contract.
func (v Verdict) MarshalJSON() ([]byte, error) { return json.Marshal(v.wire()) }

// UnmarshalJSON reads the variant of the contract.
func (v *Verdict) UnmarshalJSON(text []byte) error { return variantFromJSON(text, v) }

// CodecEncodeSelf writes the variant of the contract as MessagePack.
func (v Verdict) CodecEncodeSelf(encoder *msgpack.Encoder) { encoder.MustEncode(v.wire()) }

// CodecDecodeSelf reads the variant of the contract as MessagePack.
func (v *Verdict) CodecDecodeSelf(decoder *msgpack.Decoder) { variantFromMsgpack(decoder, v) }

// Schedule is when a timer fires: [Every], [Cron] or [Once].
type Schedule struct {
	kind string
	ms   uint64
	cron string
}

// Every fires again and again, first after one period, of at least a second.
func Every(period time.Duration) Schedule {
	return Schedule{kind: "every_ms", ms: uint64(max(period, 0).Milliseconds())}
}

// Cron fires by an expression of five fields, or six with seconds first.
func Cron(expression string) Schedule { return Schedule{kind: "cron", cron: expression} }

// Once fires at this time, at once if it has passed.
func Once(at time.Time) Schedule {
	return Schedule{kind: "once_at_ms", ms: uint64(max(at.UnixMilli(), 0))}
}

func (s Schedule) wire() any {
	if s.kind == "cron" {
		return map[string]string{s.kind: s.cron}
	}
	return map[string]uint64{s.kind: s.ms}
}

func (s *Schedule) fromWire(name string, payload func(any) error) error {
	*s = Schedule{kind: name}
	switch name {
	case "every_ms", "once_at_ms":
		return payload(&s.ms)
	case "cron":
		return payload(&s.cron)
	}
	return fmt.Errorf("the unknown schedule %q", name)
}

// MarshalJSON writes the variant of the contract.
func (s Schedule) MarshalJSON() ([]byte, error) { return json.Marshal(s.wire()) }

// UnmarshalJSON reads the variant of the contract.
func (s *Schedule) UnmarshalJSON(text []byte) error { return variantFromJSON(text, s) }

// CodecEncodeSelf writes the variant of the contract as MessagePack.
func (s Schedule) CodecEncodeSelf(encoder *msgpack.Encoder) { encoder.MustEncode(s.wire()) }

// CodecDecodeSelf reads the variant of the contract as MessagePack.
func (s *Schedule) CodecDecodeSelf(decoder *msgpack.Decoder) {
	variantFromMsgpack(decoder, s)
}

// MissedRuns is what becomes of a timer that came due while it could not fire.
type MissedRuns string

// The treatments of missed runs.
const (
	// MissedOnce: it fires once, however many times it missed.
	MissedOnce MissedRuns = "once"
	// MissedSkip: it fires at its next time only.
	MissedSkip MissedRuns = "skip"
)

// TimerOptions are the details of a timer.
type TimerOptions struct {
	Zone     *string    `json:"zone,omitempty"`
	JitterMS uint64     `json:"jitter_ms,omitempty"`
	Missed   MissedRuns `json:"missed,omitempty"`
}

// Delivery is a message that was sent to one of several users.
type Delivery struct {
	User    string  `json:"user"`
	Outcome Outcome `json:"outcome"`
}

// Outcome is the id of a stored message, or why there is none.
type Outcome struct {
	ID  uint64
	Err *Error
}

func (o Outcome) wire() any {
	if o.Err != nil {
		return map[string]*Error{"err": o.Err}
	}
	return map[string]uint64{"ok": o.ID}
}

func (o *Outcome) fromWire(name string, payload func(any) error) error {
	*o = Outcome{}
	switch name {
	case "ok":
		return payload(&o.ID)
	case "err":
		o.Err = new(Error)
		return payload(o.Err)
	}
	return fmt.Errorf("the unknown outcome %q", name)
}

// MarshalJSON writes the variant of the contract.
func (o Outcome) MarshalJSON() ([]byte, error) { return json.Marshal(o.wire()) }

// UnmarshalJSON reads the variant of the contract.
func (o *Outcome) UnmarshalJSON(text []byte) error { return variantFromJSON(text, o) }

// CodecEncodeSelf writes the variant of the contract as MessagePack.
func (o Outcome) CodecEncodeSelf(encoder *msgpack.Encoder) { encoder.MustEncode(o.wire()) }

// CodecDecodeSelf reads the variant of the contract as MessagePack.
func (o *Outcome) CodecDecodeSelf(decoder *msgpack.Decoder) { variantFromMsgpack(decoder, o) }
