package mortise

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"

	"github.com/gin-gonic/gin"
	plugin "github.com/gotify/plugin-api"
)

// A base path as Gotify's; the first part is what stands before the plugin's
// number, the second what stands behind it.
var gotifyPath = regexp.MustCompile(`^(.*/plugin/)\d+(/custom/[^/:*]+/)$`)

// The key under which Gotify's own middleware leaves the server's address.
const locationKey = "location"

// register lets the plugin put its routes into a gin engine of its own, set up
// as Gotify sets up the one that all its plugins share.
func register(webhooker plugin.Webhooker, basePath string) *gin.Engine {
	engine := gin.New()
	// The client's address comes from the server, which knows its proxies.
	engine.ForwardedByClientIP = false
	engine.Use(locate, reportErrors)
	engine.NoRoute(func(c *gin.Context) { writeError(c, http.StatusNotFound, "page not found") })
	// Routes see the plugin's number as the parameter id, as in Gotify.
	group := engine.Group(gotifyPath.ReplaceAllString(basePath, "${1}:id${2}"))
	webhooker.RegisterWebhook(basePath, group)
	return engine
}

func locate(c *gin.Context) {
	c.Set(locationKey, &url.URL{Scheme: c.GetHeader("X-Forwarded-Proto"), Host: c.Request.Host})
}

// reportErrors answers with the errors a handler left behind, in Gotify's form.
func reportErrors(c *gin.Context) {
	c.Next()
	if len(c.Errors) == 0 || c.Writer.Size() > 0 {
		return
	}
	status := c.Writer.Status()
	if status == http.StatusOK {
		status = http.StatusBadRequest
	}
	writeError(c, status, c.Errors[0].Err.Error())
}

func writeError(c *gin.Context, status int, description string) {
	c.JSON(status, struct {
		Error       string `json:"error"`
		Code        int    `json:"errorCode"`
		Description string `json:"errorDescription"`
	}{http.StatusText(status), status, description})
}

func (i *instance) handle(open *call) (any, error) {
	if _, ok := i.plugin.(plugin.Webhooker); !ok {
		return nil, i.noSuch("webhook")
	}
	var params struct {
		Request *WebhookRequest `json:"request"`
	}
	if err := open.decode(&params); err != nil {
		return nil, err
	}
	if params.Request == nil {
		return nil, open.missing("request")
	}
	i.settle(&params.Request.BasePath)
	request, err := httpRequest(open.context, params.Request, *i.basePath)
	if err != nil {
		return nil, &failure{Kind: kindInvalid, Text: err.Error()}
	}
	answer := newResponse(open, request.Method)
	i.engine.Load().ServeHTTP(answer, request)
	return answer.finish()
}

// httpRequest is the request as Go's own server would have read it from the
// client, had there been nobody in between.
func httpRequest(ctx context.Context, from *WebhookRequest, basePath string) (*http.Request, error) {
	target := basePath + from.Path
	if from.Query != nil {
		target += "?" + *from.Query
	}
	address, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, fmt.Errorf("the request's path or query is not one: %w", err)
	}
	header := make(http.Header, len(from.Headers)+1)
	for _, field := range from.Headers {
		header.Add(field.Name, field.Value)
	}
	header.Del("Host")
	header.Set("X-Forwarded-Proto", from.Scheme)
	request := &http.Request{
		Method:        from.Method,
		URL:           address,
		RequestURI:    target,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          http.NoBody,
		ContentLength: int64(len(from.Body)),
		Host:          from.Host,
		RemoteAddr:    net.JoinHostPort(from.Client, "0"),
	}
	if len(from.Body) > 0 {
		request.Body = io.NopCloser(bytes.NewReader(from.Body))
	}
	if from.Scheme == "https" {
		name := (&url.URL{Host: from.Host}).Hostname()
		request.TLS = &tls.ConnectionState{Version: tls.VersionTLS13, HandshakeComplete: true, ServerName: name}
	}
	return request.WithContext(ctx), nil
}
