package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

// words is what is left of a command.
type words struct {
	rest string
	err  error
}

func (w *words) word() (word string) {
	word, w.rest, _ = strings.Cut(w.rest, " ")
	return word
}

func (w *words) number() uint64 {
	word := w.word()
	number, err := strconv.ParseUint(word, 10, 64)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("`%s` is not the number that belongs here", word)
	}
	return number
}

// page is [BEFORE [LIMIT]].
func (w *words) page() (before *uint64, limit uint32) {
	if strings.HasPrefix(w.rest, "-") || w.rest == "" {
		w.word()
	} else {
		number := w.number()
		before = &number
	}
	limit = 10
	if w.rest != "" {
		limit = uint32(w.number())
	}
	return before, limit
}

func (w *words) milliseconds() time.Duration { return time.Duration(w.number()) * time.Millisecond }

func (w *words) time() time.Time { return time.UnixMilli(int64(min(w.number(), math.MaxInt64))) }

func xs(count uint64) string { return strings.Repeat("x", int(count)) }

// run does a command, as PLUGIN.md has them.
func (e *Everything) run(command string) (string, error) {
	e.calls++
	w := &words{rest: strings.TrimSuffix(command, "\n")}
	word := w.word()
	for _, group := range []func(string, *words) (string, error){e.message, e.sent, e.keep, system, misbehave} {
		answer, err := group(word, w)
		if !errors.Is(err, errUnknown) {
			if w.err != nil {
				return "", w.err
			}
			return answer, err
		}
	}
	return "", fmt.Errorf("`%s` is no command", word)
}

var errUnknown = errors.New("no such command")

func (e *Everything) send(content mortise.Content, application *string) (string, error) {
	id, err := e.host.Send(mortise.Outgoing{Application: application, Content: content})
	return strconv.FormatUint(id, 10), err
}

// message is about the plugin itself and messages.
func (e *Everything) message(word string, w *words) (string, error) {
	content := mortise.Content{Title: "sent", Priority: 5}
	switch word {
	case "say":
		return w.rest, nil
	case "fail":
		return "", errors.New(w.rest)
	case "user":
		text, err := json.Marshal(e.user)
		return string(text), err
	case "calls":
		return strconv.Itoa(e.calls), nil
	case "send":
		content.Body = w.rest
		return e.send(content, nil)
	case "send-as":
		application := w.word()
		content.Body = w.rest
		return e.send(content, &application)
	case "send-priority":
		priority, err := strconv.ParseInt(w.word(), 10, 32)
		if err != nil {
			return "", err
		}
		content.Priority, content.Body = int32(priority), w.rest
		return e.send(content, nil)
	case "send-extras":
		content.Body, content.Extras = "sent", &w.rest
		return e.send(content, nil)
	case "send-long":
		content.Title = xs(w.number())
		content.Body = xs(w.number())
		return e.send(content, nil)
	case "get":
		message, err := e.host.Message(w.number())
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(message)
		return string(text), err
	case "sent":
		return asJSON(e.host.Sent(w.page()))
	case "received":
		return asJSON(e.host.Received(w.page()))
	case "send-to":
		users := strings.Split(w.word(), ",")
		content.Body = w.rest
		return asJSON(e.host.SendTo(users, mortise.Outgoing{Content: content}))
	}
	return "", errUnknown
}

// sent is about what the plugin sent, and its image.
func (e *Everything) sent(word string, w *words) (string, error) {
	switch word {
	case "remove":
		return "", e.host.Remove(w.number())
	case "update":
		id := w.number()
		return "", e.host.Update(id, mortise.Content{Title: "updated", Body: w.rest, Priority: 6})
	case "expire":
		id := w.number()
		if w.rest == "-" {
			return "", e.host.Expire(id, time.Time{})
		}
		return "", e.host.Expire(id, w.time())
	case "image":
		var application *string
		if name := w.word(); name != "-" {
			application = &name
		}
		image, err := hex.DecodeString(w.rest)
		if err != nil {
			return "", err
		}
		return "", e.host.SetImage(application, image)
	}
	return "", errUnknown
}

// keep is about storage, timers and the log.
func (e *Everything) keep(word string, w *words) (string, error) {
	switch word {
	case "count":
		stored, err := e.host.Get("count")
		if err != nil {
			return "", err
		}
		count, _ := strconv.Atoi(string(stored))
		text := strconv.Itoa(count + 1)
		return text, e.host.Set("count", []byte(text))
	case "store":
		key := w.word()
		return "", e.host.Set(key, []byte(w.rest))
	case "store-bytes":
		key := w.word()
		return "", e.host.Set(key, make([]byte, w.number()))
	case "load":
		value, err := e.host.Get(w.word())
		if value == nil {
			return "(none)", err
		}
		return string(value), err
	case "unset":
		return "", e.host.Unset(w.word())
	case "keys":
		return asJSON(e.host.Keys(w.rest))
	case "every":
		name := w.word()
		return "", e.host.SetTimer(name, mortise.Every(w.milliseconds()))
	case "every-with":
		name, when := w.word(), mortise.Every(w.milliseconds())
		options := mortise.TimerOptions{JitterMS: w.number(), Missed: mortise.MissedRuns(w.word())}
		return "", e.host.SetTimerWith(name, when, options)
	case "cron":
		name := w.word()
		return "", e.host.SetTimer(name, mortise.Cron(w.rest))
	case "cron-in":
		name, zone := w.word(), w.word()
		return "", e.host.SetTimerWith(name, mortise.Cron(w.rest), mortise.TimerOptions{Zone: &zone})
	case "once":
		name := w.word()
		return "", e.host.SetTimer(name, mortise.Once(w.time()))
	case "cancel":
		return "", e.host.CancelTimer(w.word())
	case "log":
		level := mortise.Level(w.word())
		e.host.Log(level, w.rest)
		return "", nil
	case "log-long":
		e.host.Log(mortise.Info, xs(w.number()))
		return "", nil
	case "log-flood":
		line := xs(1024)
		for range w.number() {
			e.host.Log(mortise.Info, line)
		}
		return "", nil
	}
	return "", errUnknown
}

// system is what reaches the machine rather than the contract.
func system(word string, w *words) (string, error) {
	switch word {
	case "print":
		fmt.Println(w.rest)
		return "", nil
	case "eprint":
		fmt.Fprintln(os.Stderr, w.rest)
		return "", nil
	case "http":
		return answered(http.Get(w.word()))
	case "http-post":
		url := w.word()
		return answered(http.Post(url, "text/plain", bytes.NewBufferString(w.rest)))
	case "read-file":
		content, err := os.ReadFile(w.rest)
		return string(content), err
	case "write-file":
		path := w.word()
		return "", os.WriteFile(path, []byte(w.rest), 0o644)
	case "list-dir":
		entries, err := os.ReadDir(w.rest)
		names := make([]string, len(entries))
		for i, entry := range entries {
			names[i] = entry.Name()
		}
		return asJSON(names, err)
	case "env":
		if value, ok := os.LookupEnv(w.rest); ok {
			return value, nil
		}
		return "(none)", nil
	case "now":
		return strconv.FormatInt(time.Now().UnixMilli(), 10), nil
	case "random":
		var random [8]byte
		_, err := rand.Read(random[:])
		return strconv.FormatUint(binary.BigEndian.Uint64(random[:]), 10), err
	case "sleep-ms":
		time.Sleep(time.Duration(w.number()) * time.Millisecond)
		return "", nil
	case "big-string":
		return xs(w.number()), nil
	}
	return "", errUnknown
}

func answered(response *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return fmt.Sprintf("%d %s", response.StatusCode, body), err
}

// misbehave is what no plugin should do.
func misbehave(word string, w *words) (string, error) {
	switch word {
	case "panic":
		panic(w.rest)
	case "exit":
		os.Exit(int(w.number()))
	case "loop":
		for {
		}
	case "recurse":
		return strconv.Itoa(recurse(len(w.rest))), nil
	case "allocate":
		var all [][]byte
		for {
			one := make([]byte, 1<<20)
			for i := range one {
				one[i] = 1
			}
			all = append(all, one)
		}
	}
	return "", errUnknown
}

func recurse(depth int) int { return recurse(depth+1) + depth }
