//go:build !wasip1

package mortise

// The start of a process, and its handshake. This file and codec.go,
// frame.go, connection.go, failure.go and process.go know nothing of Gotify's plugins:
// guest-sdk/go links them, for the native plugins that are made with it.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	version          = "0.1.0"
	contractVersion  = "0.2.0"
	protocolName     = "mortise-native"
	protocolVersion  = 1
	socketVariable   = "MORTISE_SOCKET"
	descriptorPrefix = "fd:"
	secretVariable   = "MORTISE_SECRET"
	connectTimeout   = 5 * time.Second
	handshakeTimeout = 10 * time.Second
	featureStreaming = "webhook-stream"
)

// What a person reads who starts a plugin as if it were a program.
const byHand = `This is a Mortise plugin, not a program to run by itself.

Put it into the plugins folder of a Mortise server, which starts it, or, to run
it by hand (under a debugger, in a container), let the server give you a place
for it with "mortise plugin attach" and start it with the %s and %s
that this prints.
`

// serve connects to the server that started this process, and serves the plugin
// there until the server ends the connection. It answers the process's status.
func serve(plugin program, features []string, stderr io.Writer) int {
	socket, secret := os.Getenv(socketVariable), os.Getenv(secretVariable)
	if socket == "" {
		fmt.Fprintf(stderr, byHand, socketVariable, secretVariable)
		return 2
	}
	// Programs that the plugin starts have no business with it.
	os.Unsetenv(secretVariable)
	connection, err := connect(socket, secret, features)
	if err != nil {
		fmt.Fprintln(stderr, "mortise:", err)
		return 1
	}
	traceRequests()
	process := newProcess(plugin, connection)
	if err := connection.read(process.called); err != nil {
		fmt.Fprintln(stderr, "mortise:", err)
		return 1
	}
	return 0
}

type hello struct {
	Type      string   `json:"type"`
	Protocol  string   `json:"protocol"`
	Versions  []int    `json:"versions"`
	Contracts []string `json:"contracts"`
	Codecs    []string `json:"codecs"`
	Features  []string `json:"features"`
	MaxFrame  int      `json:"max_frame"`
	Secret    string   `json:"secret"`
	SDK       string   `json:"sdk"`
}

type welcome struct {
	Type     string   `json:"type"`
	Protocol string   `json:"protocol"`
	Version  int      `json:"version"`
	Contract string   `json:"contract"`
	Codec    string   `json:"codec"`
	Features []string `json:"features"`
	MaxFrame int      `json:"max_frame"`
	MaxCalls int      `json:"max_calls"`
	Text     string   `json:"text"`
}

// connect opens the connection and does the handshake.
func connect(socket, secret string, features []string) (*connection, error) {
	if strings.HasPrefix(socket, `\\.\pipe\`) {
		return nil, fmt.Errorf("%s is the named pipe %s, which this module cannot use; run the plugin where the server offers a Unix domain socket", socketVariable, socket)
	}
	raw, err := open(socket)
	if err != nil {
		return nil, fmt.Errorf("the server's socket in %s cannot be reached (%w); is the server running?", socketVariable, err)
	}
	terms, err := handshake(raw, secret, features)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return newConnection(raw, terms), nil
}

// open takes the connection that the server opened for this process (fd:3), or
// connects to the path where the process attaches.
func open(socket string) (net.Conn, error) {
	number, given := strings.CutPrefix(socket, descriptorPrefix)
	if !given {
		return net.DialTimeout("unix", socket, connectTimeout)
	}
	descriptor, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("%s is not a descriptor", socket)
	}
	file := os.NewFile(uintptr(descriptor), socket)
	// The copy is closed in programs that the plugin starts.
	defer file.Close()
	return net.FileConn(file)
}

func handshake(raw net.Conn, secret string, features []string) (welcome, error) {
	var answer welcome
	if err := raw.SetDeadline(time.Now().Add(handshakeTimeout)); err != nil {
		return answer, err
	}
	frame, err := appendFrame(nil, handshakeFrame, jsonCodec{}, hello{
		Type:      "hello",
		Protocol:  protocolName,
		Versions:  []int{protocolVersion},
		Contracts: []string{contractVersion},
		Codecs:    codecNames,
		Features:  features,
		MaxFrame:  maxFrame,
		Secret:    secret,
		SDK:       "mortise-go " + version,
	})
	if err != nil {
		return answer, err
	}
	if _, err := raw.Write(frame); err != nil {
		return answer, fmt.Errorf("the handshake could not be sent: %w", err)
	}
	content, err := readFrame(raw, handshakeFrame)
	if errors.Is(err, io.EOF) {
		return answer, errors.New("the server ended the connection before the handshake")
	}
	if err != nil {
		return answer, fmt.Errorf("the server did not answer the handshake: %w", err)
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return answer, fmt.Errorf("the server's handshake is not what this module understands: %w", err)
	}
	switch {
	case answer.Type == "reject":
		return answer, fmt.Errorf("the server rejected this plugin: %s", answer.Text)
	case answer.Type != "welcome" || answer.Protocol != protocolName:
		return answer, fmt.Errorf("what answers at %s is no Mortise server: it answered the handshake with %q of the protocol %q", socketVariable, answer.Type, answer.Protocol)
	case answer.Version != protocolVersion || codecs[answer.Codec] == nil || answer.Contract != contractVersion:
		return answer, fmt.Errorf("the server chose protocol %d, contract %s and codec %s, which this plugin did not offer", answer.Version, answer.Contract, answer.Codec)
	case answer.MaxFrame < handshakeFrame || answer.MaxFrame > mostMaxFrame || answer.MaxCalls < 1:
		return answer, fmt.Errorf("the server announced a max_frame of %d and max_calls of %d, which are out of bounds", answer.MaxFrame, answer.MaxCalls)
	}
	return answer, raw.SetDeadline(time.Time{})
}
