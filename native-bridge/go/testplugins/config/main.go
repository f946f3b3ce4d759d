// Command config is a v1 plugin with a configuration, which shows in which order
// it was called.
package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/gotify/plugin-api"
	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

// GetGotifyPluginInfo returns the plugin's description.
func GetGotifyPluginInfo() plugin.Info {
	return plugin.Info{ModulePath: "example.org/config", Name: "Config", Version: "1.0.0"}
}

// Config has fields with and without tags: yaml.v3 takes the name in lower case
// for the latter.
type Config struct {
	ServerURL string
	Interval  int `yaml:"poll-interval"`
	Rules     []Rule
}

// Rule is a part of the configuration.
type Rule struct {
	Match    string
	Priority int `yaml:"prio"`
}

// Plugin is the plugin of one user.
type Plugin struct {
	mutex  sync.Mutex
	calls  []string
	config *Config
}

func (p *Plugin) called(format string, arguments ...any) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.calls = append(p.calls, fmt.Sprintf(format, arguments...))
}

// Enable needs a rule.
func (p *Plugin) Enable() error {
	p.called("Enable")
	if len(p.config.Rules) == 0 {
		return errors.New("add a rule first")
	}
	return nil
}

// Disable fails.
func (p *Plugin) Disable() error {
	p.called("Disable")
	return errors.New("cannot be stopped")
}

// SetMessageHandler notes the call.
func (p *Plugin) SetMessageHandler(plugin.MessageHandler) { p.called("SetMessageHandler") }

// SetStorageHandler notes the call.
func (p *Plugin) SetStorageHandler(plugin.StorageHandler) { p.called("SetStorageHandler") }

// DefaultConfig returns the defaults.
func (p *Plugin) DefaultConfig() interface{} {
	return &Config{ServerURL: "https://example.org", Interval: 60}
}

// least is the shortest interval; a newer version of the plugin may be built
// with another.
var least = "1"

// ValidateAndSetConfig refuses intervals that are too short.
func (p *Plugin) ValidateAndSetConfig(c interface{}) error {
	config := c.(*Config)
	p.called("ValidateAndSetConfig %d", config.Interval)
	if shortest, _ := strconv.Atoi(least); config.Interval < shortest {
		return fmt.Errorf("poll-interval is %d and must be at least %s", config.Interval, least)
	}
	p.config = config
	return nil
}

// RegisterWebhook notes the call.
func (p *Plugin) RegisterWebhook(basePath string, _ *gin.RouterGroup) {
	p.called("RegisterWebhook %s", basePath)
}

// GetDisplay shows the configuration and the calls.
func (p *Plugin) GetDisplay(*url.URL) string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return fmt.Sprintf("%+v\n%s", *p.config, strings.Join(p.calls, "\n"))
}

// NewGotifyPluginInstance makes the plugin of one user.
func NewGotifyPluginInstance(plugin.UserContext) plugin.Plugin {
	return &Plugin{calls: []string{"NewGotifyPluginInstance"}}
}

func main() { mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance) }
