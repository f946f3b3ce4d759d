package mortise

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// The longest body of an answer that is not streamed, in bytes.
	longestBody = 16 << 20
	// The longest piece of a streamed body, in bytes.
	longestChunk = 64 << 10
)

// response is the http.ResponseWriter behind gin's. It gathers the answer and
// gives it to the server whole, unless the handler flushes and the server takes
// answers in pieces.
type response struct {
	open   *call
	head   bool
	header http.Header
	status int
	// The header as it was when the status was written.
	fixed     http.Header
	body      bytes.Buffer
	streaming bool
}

func newResponse(open *call, method string) *response {
	return &response{open: open, head: method == http.MethodHead, header: http.Header{}}
}

// Header is the header to be sent.
func (r *response) Header() http.Header { return r.header }

// WriteHeader fixes status and header.
func (r *response) WriteHeader(status int) {
	if r.status != 0 || status >= 100 && status < 200 {
		// Only the first counts, and there are no interim answers. Go's own
		// server panics at what is no status; here the host says so.
		return
	}
	r.status = status
	r.fixed = r.header.Clone()
}

// Write adds to the body.
func (r *response) Write(content []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if !r.bodyAllowed() {
		return 0, http.ErrBodyNotAllowed
	}
	if err := r.open.context.Err(); err != nil {
		return 0, err
	}
	if !r.streaming && r.body.Len()+len(content) > longestBody {
		return 0, fmt.Errorf("an answer of more than %d bytes; flush now and then to have it streamed", longestBody)
	}
	r.body.Write(content)
	if r.streaming && r.body.Len() >= longestChunk {
		return len(content), r.sendChunks()
	}
	return len(content), nil
}

// WriteString adds to the body.
func (r *response) WriteString(content string) (int, error) { return r.Write([]byte(content)) }

// Flush sends what there is, if the server takes answers in pieces.
func (r *response) Flush() {
	r.WriteHeader(http.StatusOK)
	if !r.open.connection.streaming || r.head || !r.bodyAllowed() {
		return
	}
	if !r.streaming {
		r.sniff()
		err := r.open.notify("webhook.head", struct {
			Call    uint64   `json:"call"`
			Status  int      `json:"status"`
			Headers []Header `json:"headers"`
		}{r.open.id, r.status, r.headers()})
		if err != nil {
			return // Nobody waits any more; the next Write says so.
		}
		r.streaming = true
	}
	// The next Write tells the handler if this failed.
	_ = r.sendChunks()
}

func (r *response) sendChunks() error {
	for r.body.Len() > 0 {
		chunk := r.body.Next(longestChunk)
		if err := r.open.spend(len(chunk)); err != nil {
			return err
		}
		err := r.open.notify("webhook.chunk", struct {
			Call uint64 `json:"call"`
			Body []byte `json:"body"`
		}{r.open.id, chunk})
		if err != nil {
			return err
		}
	}
	return nil
}

// finish is the result of the call: the whole answer, or null at the end of a
// streamed one.
func (r *response) finish() (any, error) {
	r.WriteHeader(http.StatusOK)
	if r.streaming {
		return nil, r.sendChunks()
	}
	r.sniff()
	answer := WebhookResponse{Status: r.status, Headers: r.headers(), Body: []byte{}}
	if r.head {
		if r.fixed.Get("Content-Length") == "" && r.body.Len() > 0 {
			answer.Headers = append(answer.Headers, Header{"content-length", fmt.Sprint(r.body.Len())})
		}
		return answer, nil
	}
	if r.body.Len() > 0 {
		answer.Body = r.body.Bytes()
	}
	return answer, nil
}

func (r *response) bodyAllowed() bool {
	return r.status != http.StatusNoContent && r.status != http.StatusNotModified
}

// sniff fills in the content type that Go's own server would.
func (r *response) sniff() {
	_, typed := r.fixed["Content-Type"]
	if !typed && r.fixed.Get("Content-Encoding") == "" && r.body.Len() > 0 {
		r.fixed.Set("Content-Type", http.DetectContentType(r.body.Bytes()))
	}
}

// headers are the contract's: lower case, sorted, without what belongs to the
// connection between server and client.
func (r *response) headers() []Header {
	headers := make([]Header, 0, len(r.fixed))
	for name, values := range r.fixed {
		switch name {
		case "Connection", "Transfer-Encoding", "Trailer":
			continue
		case "Content-Length":
			if !r.head {
				continue
			}
		}
		for _, value := range values {
			headers = append(headers, Header{strings.ToLower(name), text(value)})
		}
	}
	slices.SortStableFunc(headers, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return headers
}

// text gives bytes that are not UTF-8 as Latin-1.
func text(value string) string {
	if utf8.ValidString(value) {
		return value
	}
	runes := make([]rune, len(value))
	for i := range len(value) {
		runes[i] = rune(value[i])
	}
	return string(runes)
}

// CloseNotify is what gin's Context.Stream looks at.
func (r *response) CloseNotify() <-chan bool {
	gone := make(chan bool, 1)
	go func() {
		<-r.open.context.Done()
		gone <- true
	}()
	return gone
}

// Hijack is refused: there is no connection to the client in this process.
func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("a webhook's connection cannot be taken over: upgrades such as WebSocket are not passed to plugins")
}
