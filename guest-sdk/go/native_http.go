//go:build !wasip1

package mortise

// One HTTP request of a process, by Go's own client.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A call's own deadline is shorter; this is for what goes on after it.
const httpTimeout = time.Minute

// client does what a component's does, and no more: [Host.HTTP] follows
// redirects, and a body is given as it came. In a sandbox for named hosts, the
// environment names the proxy that leads to them.
var client = &http.Client{
	Timeout: httpTimeout,
	Transport: &http.Transport{
		Proxy:              http.ProxyFromEnvironment,
		DisableCompression: true,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			return refusalOf(answer, strings.TrimPrefix(answer.Status, strconv.Itoa(answer.StatusCode)+" "))
		},
	},
	CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	},
}

func sendHTTP(request Request, at *url.URL) (*Response, error) {
	outgoing, err := http.NewRequest(request.Method, at.String(), bytes.NewReader(request.Body))
	if err != nil {
		return nil, &Error{Invalid, "`" + request.Method + " " + at.String() + "` is not a request that can be made"}
	}
	for _, header := range request.Headers {
		outgoing.Header.Add(header.Name, header.Value)
	}
	answer, err := client.Do(outgoing)
	var refusal *Error
	if errors.As(err, &refusal) {
		return nil, refusal
	}
	// What the sandbox refuses is an error of permissions.
	if errors.Is(err, fs.ErrPermission) {
		return nil, &Error{Denied, at.Scheme + "://" + at.Host + " is not among the hosts that this plugin was granted with `http`"}
	}
	if err != nil {
		return nil, unavailable(at, "did not answer", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, int64(request.MaxBody)+1))
	if err != nil {
		return nil, unavailable(at, "broke off", err)
	}
	if len(body) > request.MaxBody {
		return nil, &Error{Invalid, fmt.Sprintf("the response of %s is longer than %d bytes; raise MaxBody to read more", at, request.MaxBody)}
	}
	if err := refusalOf(answer, strings.TrimSpace(string(body))); err != nil {
		return nil, err
	}
	response := &Response{Status: answer.StatusCode, Body: body}
	for name, values := range answer.Header {
		for _, value := range values {
			response.Headers = append(response.Headers, Header{name, value})
		}
	}
	return response, nil
}

// refusalOf is the error in an answer that the sandbox's proxy gave in place of
// the host; nil for another answer.
func refusalOf(answer *http.Response, text string) error {
	if answer.Header.Get("Proxy-Status") != "mortise" {
		return nil
	}
	switch answer.StatusCode {
	case http.StatusForbidden:
		return &Error{Denied, text}
	case http.StatusTooManyRequests:
		return &Error{Exhausted, text}
	default:
		return &Error{Unavailable, text}
	}
}

func unavailable(at *url.URL, what string, why error) error {
	var told *url.Error
	if errors.As(why, &told) {
		why = told.Err
	}
	return &Error{Unavailable, fmt.Sprintf("%s %s: %s", at, what, why)}
}
