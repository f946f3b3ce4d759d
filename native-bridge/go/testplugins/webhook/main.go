// Command webhook is a v1 plugin that turns requests into messages in the ways
// real ones do: parameters, queries, JSON bodies, forms, cookies, redirects.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/gotify/plugin-api"
	mortise "github.com/mortise-plugins/mortise/native-bridge/go"
)

// GetGotifyPluginInfo returns the plugin's description.
func GetGotifyPluginInfo() plugin.Info {
	return plugin.Info{
		ModulePath:  "github.com/Example/Gotify-Webhook",
		Name:        "Webhook",
		Version:     "v1.2",
		Author:      "Ann",
		License:     "MIT",
		Website:     "https://example.org",
		Description: "Turns requests into messages.",
	}
}

// Plugin is the plugin of one user.
type Plugin struct {
	user     plugin.UserContext
	messages plugin.MessageHandler
	basePath string
}

// Enable is called when the user enables the plugin.
func (p *Plugin) Enable() error { return nil }

// Disable is called when the user disables it.
func (p *Plugin) Disable() error { return nil }

// SetMessageHandler keeps the handler.
func (p *Plugin) SetMessageHandler(h plugin.MessageHandler) { p.messages = h }

// GetDisplay tells the user the address.
func (p *Plugin) GetDisplay(location *url.URL) string {
	if location == nil {
		return "somewhere below " + p.basePath
	}
	return fmt.Sprintf("%s://%s%smessage", location.Scheme, location.Host, p.basePath)
}

type payload struct {
	Title string `json:"title" form:"title"`
	Text  string `json:"text" form:"text" binding:"required"`
}

// RegisterWebhook adds the routes.
func (p *Plugin) RegisterWebhook(basePath string, mux *gin.RouterGroup) {
	p.basePath = basePath
	mux.Use(func(c *gin.Context) { c.Header("X-Served-For", p.user.Name) })
	send := func(c *gin.Context, message plugin.Message) {
		if err := p.messages.SendMessage(message); err != nil {
			c.JSON(http.StatusBadGateway, gin.H{"error": err.Error()})
			return
		}
		c.Status(http.StatusNoContent)
	}
	mux.POST("/message/:channel", func(c *gin.Context) {
		var body payload
		if err := c.ShouldBindJSON(&body); err != nil {
			c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
			return
		}
		send(c, plugin.Message{
			Title: c.Param("channel") + ": " + body.Title, Message: body.Text, Priority: 7,
			Extras: map[string]interface{}{"client::display": map[string]interface{}{"contentType": "text/markdown"}},
		})
	})
	mux.POST("/form", func(c *gin.Context) {
		send(c, plugin.Message{Title: c.DefaultPostForm("title", "untitled"), Message: c.PostForm("text")})
	})
	mux.POST("/rest/:token", func(c *gin.Context) {
		// As plugins do that send by the API: with a struct without tags, and in the address.
		base := "http://localhost:" + os.Getenv("GOTIFY_SERVER_PORT") + "/message?token=" + c.Param("token")
		body, _ := json.Marshal(plugin.Message{Title: "by REST", Message: "as JSON", Priority: 2})
		for address, content := range map[string][]byte{
			base:                                  body,
			base + "&message=as+query&priority=3": nil,
		} {
			kind := "application/json"
			if content == nil {
				kind = ""
			}
			answer, err := http.Post(address, kind, bytes.NewReader(content))
			if err != nil {
				c.JSON(http.StatusBadGateway, gin.H{"error": err.Error()})
				return
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				c.Status(answer.StatusCode)
				return
			}
		}
		c.Status(http.StatusNoContent)
	})
	mux.PUT("/bind", func(c *gin.Context) {
		var body payload
		if c.Bind(&body) == nil {
			c.String(http.StatusOK, body.Text)
		}
	})
	mux.Any("/raw", func(c *gin.Context) {
		body, _ := io.ReadAll(c.Request.Body)
		c.Data(http.StatusOK, "application/octet-stream", body)
	})
	group := mux.Group("/session")
	group.GET("/login", func(c *gin.Context) {
		c.SetCookie("session", "s3cret", 60, p.basePath, "", true, true)
		c.Redirect(http.StatusSeeOther, p.basePath+"session/home?tab="+url.QueryEscape(c.Query("tab")))
	})
	group.GET("/home", func(c *gin.Context) {
		session, err := c.Cookie("session")
		if err != nil {
			_ = c.AbortWithError(http.StatusUnauthorized, errors.New("log in first"))
			return
		}
		c.Data(http.StatusOK, "text/html; charset=utf-8", []byte("<p>"+session+"</p>"))
	})
	mux.GET("/where/*rest", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{
			"client": c.ClientIP(), "remote": c.Request.RemoteAddr, "host": c.Request.Host,
			"proto": c.GetHeader("X-Forwarded-Proto"), "tls": c.Request.TLS != nil,
			"rest": c.Param("rest"), "id": c.Param("id"), "uri": c.Request.RequestURI,
			"full": c.FullPath(), "query": c.QueryArray("q"), "location": c.MustGet("location").(*url.URL).String(),
		})
	})
	mux.GET("/accept", func(c *gin.Context) {
		c.SetAccepted("text/plain", "application/json")
		c.String(http.StatusOK, c.NegotiateFormat("application/json", "text/plain"))
	})
	mux.HEAD("/size", func(c *gin.Context) { c.String(http.StatusOK, "12345") })
	mux.GET("/stream", func(c *gin.Context) {
		n := 0
		c.Stream(func(w io.Writer) bool {
			fmt.Fprintf(w, "part %d\n", n)
			n++
			return n < 3
		})
	})
	next := make(chan string)
	mux.GET("/follow", func(c *gin.Context) {
		text := "ready"
		gone := c.Stream(func(w io.Writer) bool {
			fmt.Fprintln(w, text)
			if text == "end" {
				return false
			}
			c.Writer.Flush()
			select {
			case text = <-next:
				return true
			case <-c.Request.Context().Done():
				return false
			}
		})
		if gone || c.Request.Context().Err() != nil {
			_ = p.messages.SendMessage(plugin.Message{Message: "the reader went away"})
		}
	})
	mux.POST("/next/:text", func(c *gin.Context) {
		select {
		case next <- c.Param("text"):
			c.Status(http.StatusNoContent)
		case <-time.After(5 * time.Second):
			c.Status(http.StatusConflict)
		}
	})
	mux.GET("/flood", func(c *gin.Context) {
		piece := make([]byte, 100_000)
		for range 10 {
			_, _ = c.Writer.Write(piece)
			c.Writer.Flush()
		}
	})
	mux.GET("/slow", func(c *gin.Context) {
		<-c.Request.Context().Done()
		// Long after everybody has left.
		time.Sleep(50 * time.Millisecond)
		_ = p.messages.SendMessage(plugin.Message{Message: "the slow one is over"})
	})
	mux.GET("/upgrade", func(c *gin.Context) {
		if _, _, err := c.Writer.Hijack(); err != nil {
			c.String(http.StatusNotImplemented, err.Error())
		}
	})
	mux.GET("/panic", func(*gin.Context) { panic("the handler broke") })
	mux.GET("/goroutine", func(*gin.Context) {
		go panic("the goroutine broke")
		time.Sleep(time.Minute)
	})
}

// NewGotifyPluginInstance makes the plugin of one user.
func NewGotifyPluginInstance(ctx plugin.UserContext) plugin.Plugin {
	if ctx.Name == "boom" {
		panic("no plugin for " + ctx.Name)
	}
	return &Plugin{user: ctx}
}

func main() { mortise.Serve(GetGotifyPluginInfo, NewGotifyPluginInstance) }
