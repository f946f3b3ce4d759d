// Package mortise turns a plugin for github.com/gotify/plugin-api v1 into an
// executable that a Mortise server runs. The plugin stays as it is but for its
// main:
//
//	func main() { mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance) }
//
// One process serves all users of the plugin: NewGotifyPluginInstance is called
// once for each, and package globals are shared among them, as in Gotify.
//
// The files of this package: serve.go is the life of the process, frame.go,
// codec.go and connection.go are the protocol (PROTOCOL.md in the folder above),
// contract.go and permission.go the values in it; process.go directs calls to instances,
// instance.go keeps v1's order of calls, config.go, webhook.go, response.go and
// messenger.go are v1's interfaces, and beyond.go is what v1 could not do.
package mortise

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	plugin "github.com/gotify/plugin-api"
)

const (
	version          = "0.1.0"
	contractVersion  = "0.1.0"
	protocolName     = "mortise-native"
	protocolVersion  = 1
	socketVariable   = "MORTISE_SOCKET"
	secretVariable   = "MORTISE_SECRET"
	connectTimeout   = 5 * time.Second
	greetingTimeout  = 10 * time.Second
	featureStreaming = "webhook-stream"
)

// What a person reads who starts a plugin as if it were a program.
const byHand = `This is a Mortise plugin, not a program to run by itself.

Put it into the plugins folder of a Mortise server, which starts it, or, to run
it by hand (under a debugger, in a container), let the server give you a place
for it with "mortise plugin attach" and start it with the %s and %s
that this prints.
`

// Serve is the whole main of a plugin: it connects to the server that started
// this process, serves the plugin there until the server ends the connection,
// and exits. It does not return.
//
// The wants are what the plugin's users and the administrator are asked to
// allow; without any, [DefaultWants].
func Serve(info func() plugin.Info, create func(plugin.UserContext) plugin.Plugin, wants ...Request) {
	os.Exit(run(info, create, wants, os.Stderr))
}

func run(info func() plugin.Info, create func(plugin.UserContext) plugin.Plugin, wants []Request, stderr io.Writer) int {
	socket, secret := os.Getenv(socketVariable), os.Getenv(secretVariable)
	if socket == "" {
		fmt.Fprintf(stderr, byHand, socketVariable, secretVariable)
		return 2
	}
	// Programs that the plugin starts have no business with it.
	os.Unsetenv(secretVariable)
	if os.Getenv(gin.EnvGinMode) == "" {
		gin.SetMode(gin.ReleaseMode)
	}
	connection, err := connect(socket, secret)
	if err != nil {
		fmt.Fprintln(stderr, "mortise:", err)
		return 1
	}
	process := newProcess(info, create, wants, connection)
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

// connect opens the connection and exchanges greetings.
func connect(socket, secret string) (*connection, error) {
	if strings.HasPrefix(socket, `\\.\pipe\`) {
		return nil, fmt.Errorf("%s is the named pipe %s, which this module cannot use; run the plugin where the server offers a Unix domain socket", socketVariable, socket)
	}
	raw, err := net.DialTimeout("unix", socket, connectTimeout)
	if err != nil {
		return nil, fmt.Errorf("the server's socket in %s cannot be reached (%w); is the server running?", socketVariable, err)
	}
	greeting, err := greet(raw, secret)
	if err != nil {
		raw.Close()
		return nil, err
	}
	return newConnection(raw, greeting), nil
}

func greet(raw net.Conn, secret string) (welcome, error) {
	var answer welcome
	if err := raw.SetDeadline(time.Now().Add(greetingTimeout)); err != nil {
		return answer, err
	}
	frame, err := appendFrame(nil, greetingFrame, jsonCodec{}, hello{
		Type:      "hello",
		Protocol:  protocolName,
		Versions:  []int{protocolVersion},
		Contracts: []string{contractVersion},
		Codecs:    codecNames,
		Features:  []string{featureStreaming},
		MaxFrame:  maxFrame,
		Secret:    secret,
		SDK:       "mortise-go " + version,
	})
	if err != nil {
		return answer, err
	}
	if _, err := raw.Write(frame); err != nil {
		return answer, fmt.Errorf("the greeting could not be sent: %w", err)
	}
	content, err := readFrame(raw, greetingFrame)
	if errors.Is(err, io.EOF) {
		return answer, errors.New("the server ended the connection without a greeting")
	}
	if err != nil {
		return answer, fmt.Errorf("no greeting from the server: %w", err)
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		return answer, fmt.Errorf("the server's greeting is not what this module understands: %w", err)
	}
	switch {
	case answer.Type == "reject":
		return answer, fmt.Errorf("the server rejected this plugin: %s", answer.Text)
	case answer.Type != "welcome" || answer.Protocol != protocolName:
		return answer, fmt.Errorf("what answers at %s is no Mortise server: it greeted with %q of the protocol %q", socketVariable, answer.Type, answer.Protocol)
	case answer.Version != protocolVersion || codecs[answer.Codec] == nil || answer.Contract != contractVersion:
		return answer, fmt.Errorf("the server chose protocol %d, contract %s and codec %s, which this plugin did not offer", answer.Version, answer.Contract, answer.Codec)
	case answer.MaxFrame < greetingFrame || answer.MaxFrame > mostMaxFrame || answer.MaxCalls < 1:
		return answer, fmt.Errorf("the server announced a max_frame of %d and max_calls of %d, which are out of bounds", answer.MaxFrame, answer.MaxCalls)
	}
	return answer, raw.SetDeadline(time.Time{})
}
