// Command uptime is a plugin for Gotify's plugin API v1: it asks web addresses
// from time to time whether they are well and sends a message when one goes
// down or comes back. Its main is the one line that makes it a native plugin.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gotify/plugin-api"
	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

// GetGotifyPluginInfo returns the plugin's description.
func GetGotifyPluginInfo() plugin.Info {
	return plugin.Info{
		ModulePath:  "github.com/mortise-plugins/mortise/examples/native-go-uptime",
		Name:        "Uptime",
		Version:     "1.0.0",
		Author:      "The Mortise authors",
		License:     "MIT",
		Description: "Tells when a web address goes down or comes back.",
	}
}

// Config is what the user edits.
type Config struct {
	Targets  []string      `yaml:"targets"`
	Every    time.Duration `yaml:"every"`
	Timeout  time.Duration `yaml:"timeout"`
	Priority int           `yaml:"priority"`
}

// configSchema is the JSON Schema of Config. Gotify does not ask for it.
const configSchema = `{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "targets": {
      "type": "array",
      "items": { "type": "string" },
      "description": "The web addresses, such as https://example.org/."
    },
    "every": { "type": "string", "description": "The time between two checks, such as 1m. At least 1s." },
    "timeout": { "type": "string", "description": "The time for an answer, such as 10s." },
    "priority": { "type": "integer", "description": "The priority of the messages." }
  }
}`

// State is what lasts over restarts: since when each target is down.
type State map[string]time.Time

// Plugin is the plugin of one user.
type Plugin struct {
	messages plugin.MessageHandler
	storage  plugin.StorageHandler
	basePath string

	mutex  sync.Mutex
	config Config
	down   State
	stop   chan struct{}
}

// NewGotifyPluginInstance makes the plugin of one user.
func NewGotifyPluginInstance(plugin.UserContext) plugin.Plugin {
	return &Plugin{down: State{}}
}

// SetMessageHandler keeps what sends messages.
func (p *Plugin) SetMessageHandler(h plugin.MessageHandler) { p.messages = h }

// SetStorageHandler keeps what stores the state.
func (p *Plugin) SetStorageHandler(h plugin.StorageHandler) { p.storage = h }

// DefaultConfig is what a new user starts with.
func (p *Plugin) DefaultConfig() interface{} {
	return &Config{Targets: []string{}, Every: time.Minute, Timeout: 10 * time.Second, Priority: 8}
}

// ConfigSchema describes the configuration to the page, which makes a form of it.
func (p *Plugin) ConfigSchema() string { return configSchema }

// ValidateAndSetConfig takes a configuration into use.
func (p *Plugin) ValidateAndSetConfig(c interface{}) error {
	config := *c.(*Config)
	if config.Every < time.Second || config.Timeout <= 0 {
		return errors.New("every must be at least 1s, and timeout more than 0s")
	}
	for i, target := range config.Targets {
		address, err := url.Parse(target)
		if err != nil || address.Host == "" {
			return fmt.Errorf("targets[%d]: %q is not a web address such as https://example.org/", i, target)
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.config = config
	return nil
}

// Enable starts checking.
func (p *Plugin) Enable() error {
	saved, err := p.storage.Load()
	if err != nil {
		return err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if len(saved) > 0 {
		if err := json.Unmarshal(saved, &p.down); err != nil {
			return fmt.Errorf("the stored state cannot be read: %w", err)
		}
	}
	p.stop = make(chan struct{})
	go p.watch(p.stop)
	return nil
}

// Disable ends checking.
func (p *Plugin) Disable() error {
	close(p.stop)
	return nil
}

func (p *Plugin) watch(stop chan struct{}) {
	for {
		p.mutex.Lock()
		config := p.config
		p.mutex.Unlock()
		for _, target := range config.Targets {
			p.check(target, config)
		}
		select {
		case <-stop:
			return
		case <-time.After(config.Every):
		}
	}
}

// check asks one target and sends a message if that changes what is known of it.
func (p *Plugin) check(target string, config Config) {
	client := http.Client{Timeout: config.Timeout}
	trouble := ""
	if response, err := client.Get(target); err != nil {
		trouble = err.Error()
	} else {
		response.Body.Close()
		if response.StatusCode >= 500 {
			trouble = response.Status
		}
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	since, wasDown := p.down[target]
	if (trouble != "") == wasDown {
		return
	}
	message := plugin.Message{Title: target + " is down", Message: trouble, Priority: config.Priority}
	if wasDown {
		message.Title = target + " is back"
		message.Message = "It was down for " + time.Since(since).Round(time.Second).String() + "."
		delete(p.down, target)
	} else {
		p.down[target] = time.Now()
	}
	state, err := json.Marshal(p.down)
	if err == nil {
		err = p.storage.Save(state)
	}
	if err == nil {
		err = p.messages.SendMessage(message)
	}
	if err != nil {
		fmt.Println("uptime:", target, err)
	}
}

// RegisterWebhook answers GET status with what is down.
func (p *Plugin) RegisterWebhook(basePath string, mux *gin.RouterGroup) {
	p.basePath = basePath
	mux.GET("/status", func(c *gin.Context) {
		p.mutex.Lock()
		defer p.mutex.Unlock()
		status := http.StatusOK
		if len(p.down) > 0 {
			status = http.StatusServiceUnavailable
		}
		c.JSON(status, gin.H{"down": p.down})
	})
}

// GetDisplay shows the targets and where the status is.
func (p *Plugin) GetDisplay(location *url.URL) string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	var page strings.Builder
	for _, target := range p.config.Targets {
		state := "up"
		if since, down := p.down[target]; down {
			state = "down since " + since.Format(time.DateTime)
		}
		fmt.Fprintf(&page, "- %s: %s\n", target, state)
	}
	if location != nil {
		fmt.Fprintf(&page, "\nStatus as JSON: %s://%s%sstatus\n", location.Scheme, location.Host, p.basePath)
	}
	return page.String()
}

func main() { mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance) }
