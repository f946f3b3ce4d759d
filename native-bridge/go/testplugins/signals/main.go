// Command signals is a v1 plugin that catches signals and prints wherever it
// likes.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/gotify/plugin-api"
	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

// GetGotifyPluginInfo returns the plugin's description.
func GetGotifyPluginInfo() plugin.Info {
	fmt.Println("asked for the info")
	return plugin.Info{ModulePath: "example.org/signals", Name: "Signals"}
}

// Plugin is the plugin of one user.
type Plugin struct{ signals chan os.Signal }

// Enable catches SIGTERM and SIGINT, and does not end.
func (p *Plugin) Enable() error {
	fmt.Print("{\"type\":\"reply\",\"id\":1,\"result\":null}\n", "a line without an end")
	p.signals = make(chan os.Signal, 1)
	signal.Notify(p.signals, syscall.SIGTERM, os.Interrupt)
	go func() {
		for s := range p.signals {
			log.Printf("caught %s", s)
		}
	}()
	return nil
}

// Disable lets go of the signals.
func (p *Plugin) Disable() error {
	signal.Stop(p.signals)
	close(p.signals)
	return nil
}

// NewGotifyPluginInstance makes the plugin of one user.
func NewGotifyPluginInstance(ctx plugin.UserContext) plugin.Plugin {
	fmt.Println("made for", ctx.Name)
	return &Plugin{}
}

func main() { mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance) }
