//go:build !wasip1

package mortise

import (
	"context"
	"net/http"
)

// The header that names the caller's span, in the form of W3C Trace Context.
const traceHeader = "traceparent"

// traceKey is the key of a trace context in the context of a call.
type traceKey struct{}

// TraceParent returns the trace context of the call that a context is from, as
// the header traceparent has it; empty if the server exports no traces.
// Requests by [http.DefaultClient] with such a context carry the header by
// themselves. Other clients' requests need it set.
func TraceParent(ctx context.Context) string {
	traceparent, _ := ctx.Value(traceKey{}).(string)
	return traceparent
}

// tracing is a transport that adds the header to requests of calls, unless they
// have one.
type tracing struct{ base http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t tracing) RoundTrip(request *http.Request) (*http.Response, error) {
	traceparent := TraceParent(request.Context())
	if _, set := request.Header[http.CanonicalHeaderKey(traceHeader)]; traceparent != "" && !set {
		request = request.Clone(request.Context())
		request.Header.Set(traceHeader, traceparent)
	}
	if t.base == nil {
		return http.DefaultTransport.RoundTrip(request)
	}
	return t.base.RoundTrip(request)
}

// traceRequests has the default client add the header. The default transport
// stays as it is: programs rely on its type.
func traceRequests() {
	http.DefaultClient.Transport = tracing{http.DefaultClient.Transport}
}

// alone tells whether no other call of an instance is open beside this one.
func (open *call) alone(concurrent bool) bool {
	return !concurrent || open.method != "webhook.handle" && open.method != "displayer.display"
}

// begin makes the call's context that of its instance; the result ends that.
func (c *connection) begin(instance uint64, ctx context.Context) (end func()) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.contexts[instance] = ctx
	return func() {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		// After a cancelled call, it may be the next one's.
		if c.contexts[instance] == ctx {
			delete(c.contexts, instance)
		}
	}
}

// contextOf returns the context of the call that an instance works on.
func (c *connection) contextOf(instance uint64) context.Context {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if ctx := c.contexts[instance]; ctx != nil {
		return ctx
	}
	return context.Background()
}
