package main

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// words is what is left of a command.
type words struct{ rest string }

func (w *words) word() string {
	word, rest, _ := strings.Cut(w.rest, " ")
	w.rest = rest
	return word
}

func (w *words) number() (uint64, error) {
	number, err := strconv.ParseUint(w.word(), 10, 64)
	if err != nil {
		return 0, errNumber
	}
	return number, nil
}

// milliseconds reads a duration.
func (w *words) milliseconds() (time.Duration, error) {
	ms, err := w.number()
	return time.Duration(ms) * time.Millisecond, err
}

// time reads a time in milliseconds since the epoch.
func (w *words) time() (time.Time, error) {
	ms, err := w.number()
	return time.UnixMilli(int64(min(ms, math.MaxInt64))), err
}

// page reads [BEFORE [LIMIT]].
func (w *words) page() (*uint64, uint32, error) {
	var before *uint64
	if word := w.word(); word != "" && word != "-" {
		number, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return nil, 0, errNumber
		}
		before = &number
	}
	if w.rest == "" {
		return before, 10, nil
	}
	limit, err := w.number()
	return before, uint32(limit), err
}

// run does as it is told.
func (e *Everything) run(command string) (string, error) {
	e.calls++
	w := &words{strings.TrimSuffix(command, "\n")}
	switch word := w.word(); word {
	case "say":
		return w.rest, nil
	case "fail":
		return "", fmt.Errorf("%s", w.rest)
	case "user":
		return asJSON(e.user)
	case "calls":
		return strconv.Itoa(e.calls), nil
	case "count":
		var count uint64
		if err := e.host.GetJSON("count", &count); err != nil {
			return "", err
		}
		return strconv.FormatUint(count+1, 10), e.host.SetJSON("count", count+1)
	default:
		for _, try := range []func(string, *words) (string, bool, error){e.messages, e.sent, e.storage, e.timers, e.system, misbehave} {
			if answer, known, err := try(word, w); known {
				return answer, err
			}
		}
		return "", fmt.Errorf("`%s` is no command", word)
	}
}

func (e *Everything) messages(word string, w *words) (string, bool, error) {
	message := mortise.Outgoing{Content: mortise.Content{Title: "sent", Priority: 5}}
	switch word {
	case "send":
		message.Content.Body = w.rest
	case "send-as":
		message.Application, message.Content.Body = w.word(), w.rest
	case "send-priority":
		priority, err := strconv.ParseInt(w.word(), 10, 32)
		if err != nil {
			return "", true, errNumber
		}
		message.Content.Priority, message.Content.Body = int32(priority), w.rest
	case "send-extras":
		message.Content.Body, message.Content.Extras = "sent", &w.rest
	case "send-long":
		title, err := w.number()
		if err != nil {
			return "", true, err
		}
		body, err := w.number()
		if err != nil {
			return "", true, err
		}
		message.Content.Title, message.Content.Body = long(title), long(body)
	case "get":
		id, err := w.number()
		if err != nil {
			return "", true, err
		}
		return answered(e.host.Message(id))
	case "sent", "received":
		before, limit, err := w.page()
		if err != nil {
			return "", true, err
		}
		if word == "sent" {
			return answered(e.host.Sent(before, limit))
		}
		return answered(e.host.Received(before, limit))
	case "send-to":
		users := strings.Split(w.word(), ",")
		message.Content.Body = w.rest
		return answered(e.host.SendTo(users, message))
	default:
		return "", false, nil
	}
	id, err := e.host.Send(message)
	return strconv.FormatUint(id, 10), true, err
}

// sent changes what the plugin sent, and the image that it has.
func (e *Everything) sent(word string, w *words) (string, bool, error) {
	switch word {
	case "remove", "update", "expire":
	case "image":
		application := w.word()
		if application == "-" {
			application = ""
		}
		image, err := hex.DecodeString(w.rest)
		if err != nil {
			return "", true, err
		}
		return "", true, e.host.SetImage(application, image)
	default:
		return "", false, nil
	}
	id, err := w.number()
	if err != nil {
		return "", true, err
	}
	switch word {
	case "update":
		content := mortise.Content{Title: "updated", Body: w.rest, Priority: 6}
		return "", true, e.host.Update(id, content)
	case "expire":
		if w.rest == "-" {
			return "", true, e.host.Expire(id, time.Time{})
		}
		at, err := w.time()
		if err != nil {
			return "", true, err
		}
		return "", true, e.host.Expire(id, at)
	default:
		return "", true, e.host.Remove(id)
	}
}

func (e *Everything) storage(word string, w *words) (string, bool, error) {
	switch word {
	case "store":
		return "", true, e.host.Set(w.word(), []byte(w.rest))
	case "store-bytes":
		key := w.word()
		size, err := w.number()
		if err != nil {
			return "", true, err
		}
		return "", true, e.host.Set(key, make([]byte, size))
	case "load":
		value, err := e.host.Get(w.word())
		if value == nil {
			return "(none)", true, err
		}
		return string(value), true, err
	case "unset":
		return "", true, e.host.Unset(w.word())
	case "keys":
		return answered(e.host.Keys(w.rest))
	}
	return "", false, nil
}

func (e *Everything) timers(word string, w *words) (string, bool, error) {
	switch word {
	case "every", "every-with":
		name := w.word()
		period, err := w.milliseconds()
		if err != nil {
			return "", true, err
		}
		if word == "every" {
			return "", true, e.host.SetTimer(name, mortise.Every(period))
		}
		options, err := w.options()
		if err != nil {
			return "", true, err
		}
		return "", true, e.host.SetTimerWith(name, mortise.Every(period), options)
	case "once":
		name := w.word()
		at, err := w.time()
		if err != nil {
			return "", true, err
		}
		return "", true, e.host.SetTimer(name, mortise.Once(at))
	case "cron":
		name := w.word()
		return "", true, e.host.SetTimer(name, mortise.Cron(w.rest))
	case "cron-in":
		name, options := w.word(), mortise.TimerOptions{Zone: w.word()}
		return "", true, e.host.SetTimerWith(name, mortise.Cron(w.rest), options)
	case "cancel":
		return "", true, e.host.CancelTimer(w.word())
	}
	return "", false, nil
}

var missed = map[string]mortise.MissedRuns{"once": mortise.MissedOnce, "skip": mortise.MissedSkip}

// options reads JITTER MISSED.
func (w *words) options() (mortise.TimerOptions, error) {
	jitter, err := w.milliseconds()
	return mortise.TimerOptions{Jitter: jitter, Missed: missed[w.word()]}, err
}

var levels = map[string]mortise.Level{
	"trace": mortise.LevelTrace, "debug": mortise.LevelDebug, "info": mortise.LevelInfo,
	"warn": mortise.LevelWarn, "error": mortise.LevelError,
}

// system reaches the system rather than the contract.
func (e *Everything) system(word string, w *words) (string, bool, error) {
	switch word {
	case "log":
		e.host.Log(levels[w.word()], "%s", w.rest)
	case "print":
		fmt.Println(w.rest)
	case "eprint":
		fmt.Fprintln(os.Stderr, w.rest)
	case "http":
		return e.http(mortise.Request{URL: w.word()})
	case "http-post":
		url := w.word()
		return e.http(mortise.Request{Method: "POST", URL: url, Body: []byte(w.rest)})
	case "read-file":
		text, err := os.ReadFile(w.rest)
		return string(text), true, err
	case "write-file":
		return "", true, os.WriteFile(w.word(), []byte(w.rest), 0o666)
	case "list-dir":
		entries, err := os.ReadDir(w.rest)
		names := []string{}
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		if err != nil {
			return "", true, err
		}
		return answered(names, nil)
	case "env":
		if value, there := os.LookupEnv(w.rest); there {
			return value, true, nil
		}
		return "(none)", true, nil
	case "now":
		return strconv.FormatInt(time.Now().UnixMilli(), 10), true, nil
	case "random":
		return strconv.FormatUint(rand.Uint64(), 10), true, nil
	default:
		return e.sized(word, w)
	}
	return "", true, nil
}

// sized does what has a number to it.
func (e *Everything) sized(word string, w *words) (string, bool, error) {
	switch word {
	case "log-long", "log-flood", "sleep-ms", "big-string":
	default:
		return "", false, nil
	}
	n, err := w.number()
	if err != nil {
		return "", true, err
	}
	switch word {
	case "log-long":
		e.host.Info("%s", long(n))
	case "log-flood":
		for range n {
			e.host.Info("%s", long(1024))
		}
	case "sleep-ms":
		time.Sleep(time.Duration(n) * time.Millisecond)
	case "big-string":
		return long(n), true, nil
	}
	return "", true, nil
}

func (e *Everything) http(request mortise.Request) (string, bool, error) {
	response, err := e.host.HTTP(request)
	if err != nil {
		return "", true, err
	}
	return fmt.Sprintf("%d %s", response.Status, response.Body), true, nil
}

// misbehave does what no plugin should.
func misbehave(word string, w *words) (string, bool, error) {
	switch word {
	case "panic":
		panic(w.rest)
	case "exit":
		code, err := w.number()
		if err != nil {
			return "", true, err
		}
		os.Exit(int(code))
	case "loop":
		for {
		}
	case "recurse":
		return strconv.Itoa(recurse(len(w.rest))), true, nil
	case "allocate":
		for {
			taken = append(taken, make([]byte, 1<<20))
			for i := range taken[len(taken)-1] {
				taken[len(taken)-1][i] = 1
			}
		}
	}
	return "", false, nil
}

var taken [][]byte

// recurse is too deep for any stack.
func recurse(depth int) int {
	var frame [64]int
	frame[depth%64] = depth
	return recurse(depth+1) + frame[(depth+1)%64]
}

func long(n uint64) string { return strings.Repeat("x", int(n)) }

// answered is a value as JSON.
func answered[T any](value T, err error) (string, bool, error) {
	if err != nil {
		return "", true, err
	}
	text, err := asJSON(value)
	return text, true, err
}
