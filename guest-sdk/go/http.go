package mortise

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Bounds of a request that does not say.
const (
	defaultRedirects = 5
	defaultMaxBody   = 8 << 20
)

// Request is an HTTP request to another server, which the permission http has
// to name. Go's own client does, too: in a component the SDK is its transport.
type Request struct {
	// Method is GET if it is empty.
	Method string
	// URL is absolute, http or https.
	URL     string
	Headers []Header
	Body    []byte
	// Redirects is how many are followed; 0 is 5, below 0 is none.
	Redirects int
	// MaxBody is the most of the response's body in bytes; 0 is 8 MiB.
	MaxBody int
	// timeout is that of each step; 0 is the host's.
	timeout time.Duration
}

// Response is a whole response.
type Response struct {
	Status  int
	Headers []Header
	Body    []byte
}

// Header returns the first value of a header, whatever its case.
func (r *Response) Header(name string) string { return header(r.Headers, name) }

// OK tells whether the status is 200 to 299.
func (r *Response) OK() bool { return r.Status >= 200 && r.Status < 300 }

// HTTP sends a request and returns the whole response, that of the last hop
// where it was redirected.
func (h *Host) HTTP(request Request) (*Response, error) {
	if request.Method == "" {
		request.Method = "GET"
	}
	if request.MaxBody == 0 {
		request.MaxBody = defaultMaxBody
	}
	left := request.Redirects
	if left == 0 {
		left = defaultRedirects
	}
	at, err := parse(request.URL)
	if err != nil {
		return nil, err
	}
	if traceparent := TraceParent(h.Context()); traceparent != "" && header(request.Headers, "traceparent") == "" {
		request.Headers = append(slices.Clip(request.Headers), Header{"traceparent", traceparent})
	}
	for {
		response, err := sendHTTP(request, at)
		if err != nil {
			return nil, err
		}
		location := response.Header("location")
		if left < 0 || location == "" || !isRedirect(response.Status) {
			return response, nil
		}
		if left == 0 {
			return nil, &Error{Unavailable, request.URL + " redirects too often"}
		}
		left--
		to, err := at.Parse(location)
		if err != nil {
			return nil, &Error{Invalid, request.URL + " redirects to what is no URL"}
		}
		if to, err = parse(to.String()); err != nil {
			return nil, err
		}
		redirect(&request, response.Status, at, to)
		at = to
	}
}

// HTTPGet sends a GET request.
func (h *Host) HTTPGet(url string) (*Response, error) { return h.HTTP(Request{URL: url}) }

func isRedirect(status int) bool {
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308
}

// redirect changes a request into the one for the next hop.
func redirect(request *Request, status int, from, to *url.URL) {
	keep := status == 307 || status == 308 || request.Method == "GET" || request.Method == "HEAD"
	if !keep {
		request.Method, request.Body = "GET", nil
	}
	elsewhere := from.Scheme != to.Scheme || from.Host != to.Host
	var headers []Header
	for _, header := range request.Headers {
		name := strings.ToLower(header.Name)
		secret := name == "authorization" || name == "cookie" || name == "proxy-authorization"
		if elsewhere && secret || !keep && strings.HasPrefix(name, "content-") {
			continue
		}
		headers = append(headers, header)
	}
	request.Headers = headers
}

func parse(text string) (*url.URL, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https" {
		return nil, &Error{Invalid, "`" + text + "` is no http or https URL"}
	}
	return parsed, nil
}

func header(headers []Header, name string) string {
	for _, header := range headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}
