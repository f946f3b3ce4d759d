// The plugin in Go that `cargo xtask escapes` tells what to try. A request names
// one deed; the answer is its result, or the kernel's error.
package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"syscall"
	"unsafe"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

const because = "to see what the sandbox prevents"

func init() {
	mortise.Export(mortise.Manifest{
		ID:      "test.deeds.go",
		Name:    "Deeds",
		Version: "1.0.0",
		Wants:   []mortise.Want{mortise.WantWebhook(because)},
	}, func(host *mortise.Host) any { return &deeds{host} })
}

func main() { mortise.Run() }

type deeds struct{ host *mortise.Host }

type told struct {
	Verb   string            `json:"verb"`
	Values []json.RawMessage `json:"values"`
}

type outcome struct {
	Done  *string `json:"done,omitempty"`
	Errno uint    `json:"errno,omitempty"`
	Text  string  `json:"text,omitempty"`
}

// Handle does the deed of a request.
func (d *deeds) Handle(request mortise.WebhookRequest) mortise.WebhookResponse {
	var t told
	if err := json.Unmarshal(request.Body, &t); err != nil {
		return mortise.Text(400, err.Error())
	}
	done, err := d.do(t)
	answer := outcome{Done: &done}
	if err != nil {
		answer = outcome{Errno: number(err), Text: err.Error()}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return mortise.Text(500, err.Error())
	}
	return mortise.Text(200, string(text))
}

// number returns the kernel's number of an error.
func number(err error) uint {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return uint(errno)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return uint(syscall.ENOENT)
	}
	return 0
}

func (d *deeds) do(t told) (string, error) {
	if t.Verb == "call" {
		return call(t.Values)
	}
	words := make([]string, len(t.Values))
	for i, value := range t.Values {
		if err := json.Unmarshal(value, &words[i]); err != nil {
			return "", err
		}
	}
	if deed, known := system[t.Verb]; known {
		return deed(words)
	}
	return d.ask(t.Verb, words)
}

// ask asks the host, which answers `denied` for want of a grant.
func (d *deeds) ask(verb string, words []string) (string, error) {
	var err error
	switch verb {
	case "send":
		_, err = d.host.SendText("deed", words[0])
	case "received":
		_, err = d.host.Received(nil, 10)
	case "timer":
		err = d.host.SetTimer("deed", mortise.Cron("0 0 1 1 *"))
	default:
		return "", fmt.Errorf("%s is no deed", verb)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", syscall.EACCES, err)
	}
	return "done", nil
}

// call makes a system call in a thread of its own, which ends with it.
func call(values []json.RawMessage) (string, error) {
	var numbers [7]uintptr
	var buffers [7][]byte
	for i, value := range values {
		var given struct{ Text, Hex *string }
		if err := json.Unmarshal(value, &numbers[i]); err == nil {
			continue
		}
		var negative int64
		if err := json.Unmarshal(value, &negative); err == nil {
			numbers[i] = uintptr(negative)
			continue
		}
		if err := json.Unmarshal(value, &given); err != nil {
			return "", err
		}
		switch {
		case given.Text != nil:
			buffers[i] = append([]byte(*given.Text), make([]byte, 16)...)
		case given.Hex != nil:
			bytes, err := hex.DecodeString(*given.Hex)
			if err != nil {
				return "", err
			}
			buffers[i] = append(bytes, make([]byte, 16)...)
		}
	}
	type ended struct {
		result uintptr
		errno  syscall.Errno
	}
	results := make(chan ended)
	go func() {
		// Without unlocking: the thread ends with the goroutine.
		runtime.LockOSThread()
		for i, buffer := range buffers {
			if buffer != nil {
				numbers[i] = uintptr(unsafe.Pointer(&buffer[0]))
			}
		}
		result, _, errno := syscall.RawSyscall6(numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6])
		runtime.KeepAlive(&buffers)
		results <- ended{result, errno}
	}()
	end := <-results
	if end.errno != 0 {
		return "", end.errno
	}
	return fmt.Sprint(end.result), nil
}
