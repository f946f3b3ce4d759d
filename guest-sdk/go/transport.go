//go:build wasip1 && mortise_http

package mortise

// Go's own HTTP client over the SDK's, for a component has no sockets. `mortise
// plugin build` sets the tag where a plugin imports net/http, which is large.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// The most of a response's body that Go's own client is given.
const mostBody = 32 << 20

// transport sends each request by the host's HTTP.
type transport struct{}

// RoundTrip implements [http.RoundTripper].
func (transport) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := Request{Method: request.Method, MaxBody: mostBody}
	if sent.Method == "" {
		sent.Method = http.MethodGet
	}
	if request.Body != nil {
		body, err := io.ReadAll(request.Body)
		request.Body.Close()
		if err != nil {
			return nil, err
		}
		sent.Body = body
	}
	for name, values := range request.Header {
		for _, value := range values {
			sent.Headers = append(sent.Headers, Header{strings.ToLower(name), value})
		}
	}
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	if deadline, ok := request.Context().Deadline(); ok {
		sent.timeout = max(time.Until(deadline), time.Millisecond)
	}
	at := *request.URL
	if request.Host != "" {
		at.Host = request.Host
	}
	answer, err := sendHTTP(sent, &at)
	if err != nil {
		if late := request.Context().Err(); late != nil {
			return nil, late
		}
		// The context's timer has had no time to fire while the host waited.
		if deadline, ok := request.Context().Deadline(); ok && time.Until(deadline) <= 0 {
			return nil, context.DeadlineExceeded
		}
		return nil, err
	}
	response := &http.Response{
		Status:        fmt.Sprintf("%d %s", answer.Status, http.StatusText(answer.Status)),
		StatusCode:    answer.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{},
		Body:          io.NopCloser(bytes.NewReader(answer.Body)),
		ContentLength: int64(len(answer.Body)),
		Request:       request,
	}
	for _, header := range answer.Headers {
		response.Header.Add(header.Name, header.Value)
	}
	return response, nil
}

func init() { http.DefaultTransport = transport{} }
