// Command counter is a v1 plugin that keeps a number in its storage.
package main

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/gotify/plugin-api"
	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

// GetGotifyPluginInfo returns the plugin's description.
func GetGotifyPluginInfo() plugin.Info {
	return plugin.Info{ModulePath: "example.org/counter", Name: "Counter", Version: "1.0.0"}
}

// Plugin is the plugin of one user.
type Plugin struct{ storage plugin.StorageHandler }

type state struct {
	Count int `json:"count"`
}

// Enable does nothing.
func (p *Plugin) Enable() error { return nil }

// Disable does nothing.
func (p *Plugin) Disable() error { return nil }

// SetStorageHandler keeps the handler.
func (p *Plugin) SetStorageHandler(h plugin.StorageHandler) { p.storage = h }

// RegisterWebhook adds the routes.
func (p *Plugin) RegisterWebhook(_ string, mux *gin.RouterGroup) {
	mux.POST("/count", func(c *gin.Context) {
		var s state
		saved, err := p.storage.Load()
		if err == nil && len(saved) > 0 {
			err = json.Unmarshal(saved, &s)
		}
		s.Count++
		if err == nil {
			saved, err = json.Marshal(s)
		}
		if err == nil {
			err = p.storage.Save(saved)
		}
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.JSON(http.StatusOK, s)
	})
	mux.DELETE("/count", func(c *gin.Context) {
		if err := p.storage.Save(nil); err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
		}
	})
}

// NewGotifyPluginInstance makes the plugin of one user.
func NewGotifyPluginInstance(plugin.UserContext) plugin.Plugin { return &Plugin{} }

func main() { mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance) }
