// Command poller is a v1 plugin with a goroutine that sends messages from time
// to time while it is enabled.
package main

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gotify/plugin-api"
	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

// GetGotifyPluginInfo returns the plugin's description.
func GetGotifyPluginInfo() plugin.Info {
	return plugin.Info{ModulePath: "example.org/poller", Name: "Poller", Version: "1.0.0"}
}

// Plugin is the plugin of one user.
type Plugin struct {
	messages plugin.MessageHandler
	stop     chan struct{}
	done     sync.WaitGroup
}

// Enable starts polling.
func (p *Plugin) Enable() error {
	if p.stop != nil {
		return errors.New("enabled twice")
	}
	p.stop = make(chan struct{})
	p.done.Add(1)
	go p.poll(p.stop)
	return nil
}

func (p *Plugin) poll(stop chan struct{}) {
	defer p.done.Done()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		var all sync.WaitGroup
		for part := range 3 {
			all.Add(1)
			go func() {
				defer all.Done()
				_ = p.messages.SendMessage(plugin.Message{Title: "poll", Message: fmt.Sprintf("%d.%d", n, part)})
			}()
		}
		all.Wait()
	}
}

// Disable stops polling and waits until it has stopped.
func (p *Plugin) Disable() error {
	close(p.stop)
	p.done.Wait()
	p.stop = nil
	return nil
}

// SetMessageHandler keeps the handler.
func (p *Plugin) SetMessageHandler(h plugin.MessageHandler) { p.messages = h }

// NewGotifyPluginInstance makes the plugin of one user.
func NewGotifyPluginInstance(plugin.UserContext) plugin.Plugin { return &Plugin{} }

func main() { mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance) }
