package mortise

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestRequestsCarryTheTraceOfTheirCall(t *testing.T) {
	const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	var carried string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		carried = request.Header.Get(traceHeader)
	}))
	defer server.Close()
	client := &http.Client{Transport: tracing{}}
	send := func(ctx context.Context, own string) string {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if own != "" {
			request.Header.Set(traceHeader, own)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if kept := request.Header.Get(traceHeader); kept != own {
			t.Errorf("the request itself was changed: %q", kept)
		}
		return carried
	}

	c := &connection{contexts: map[uint64]context.Context{}}
	host := &Host{c, 1}
	ctx := context.WithValue(context.Background(), traceKey{}, traceparent)
	end := c.begin(1, ctx)
	for own, expected := range map[string]string{"": traceparent, "own": "own"} {
		if found := send(host.Context(), own); found != expected {
			t.Errorf("%q became %q", own, found)
		}
	}
	if found := TraceParent((&Host{c, 2}).Context()); found != "" {
		t.Errorf("another instance has %q", found)
	}
	// A call that was cancelled ends after the next one began.
	next := c.begin(1, context.WithValue(context.Background(), traceKey{}, "next"))
	end()
	if found := TraceParent(host.Context()); found != "next" {
		t.Errorf("the next call has %q", found)
	}
	next()
	if found := send(host.Context(), ""); found != "" {
		t.Errorf("after the call: %q", found)
	}
}

func TestCallsThatMayOverlapAreNotTheirInstances(t *testing.T) {
	for method, expected := range map[string]bool{"webhook.handle": false, "displayer.display": false, "filter.filter": true} {
		open := &call{method: method}
		if open.alone(true) != expected || !open.alone(false) {
			t.Errorf("%s", method)
		}
	}
}
