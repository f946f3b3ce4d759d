// Command broadcast is a v1 plugin whose users reach each other through package
// globals: what one posts, all who enabled it receive.
package main

import (
	"io"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/gotify/plugin-api"
	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

var (
	mutex   sync.Mutex
	members []*Plugin
)

// GetGotifyPluginInfo returns the plugin's description.
func GetGotifyPluginInfo() plugin.Info {
	return plugin.Info{ModulePath: "example.org/broadcast", Name: "Broadcast", Version: "1.0.0"}
}

// Plugin is the plugin of one user.
type Plugin struct {
	user     plugin.UserContext
	messages plugin.MessageHandler
	enabled  bool
}

// Enable joins.
func (p *Plugin) Enable() error { return p.set(true) }

// Disable leaves.
func (p *Plugin) Disable() error { return p.set(false) }

func (p *Plugin) set(enabled bool) error {
	mutex.Lock()
	defer mutex.Unlock()
	p.enabled = enabled
	return nil
}

// SetMessageHandler keeps the handler.
func (p *Plugin) SetMessageHandler(h plugin.MessageHandler) { p.messages = h }

// RegisterWebhook adds the route.
func (p *Plugin) RegisterWebhook(_ string, mux *gin.RouterGroup) {
	mux.POST("/say", func(c *gin.Context) {
		text, _ := io.ReadAll(c.Request.Body)
		mutex.Lock()
		defer mutex.Unlock()
		reached := 0
		for _, member := range members {
			if !member.enabled {
				continue
			}
			if err := member.messages.SendMessage(plugin.Message{Title: p.user.Name, Message: string(text)}); err == nil {
				reached++
			}
		}
		c.JSON(http.StatusOK, gin.H{"reached": reached})
	})
}

// NewGotifyPluginInstance makes the plugin of one user.
func NewGotifyPluginInstance(ctx plugin.UserContext) plugin.Plugin {
	p := &Plugin{user: ctx}
	mutex.Lock()
	defer mutex.Unlock()
	members = append(members, p)
	return p
}

func main() { mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance) }
