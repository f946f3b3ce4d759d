//go:build !wasip1

package mortise

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// How long the plugin waits for the server to do what it asked.
const askTimeout = 30 * time.Second

// How many goroutines are kept for the next calls.
const mostIdle = 8

// What may be sent of a streamed body before the server allows more, in bytes.
const streamWindow = 256 << 10

// The greatest id a call may have.
const greatestID = 1<<53 - 1

// errEnded is why calls fail once the server is gone.
var errEnded = errors.New("the server ended the connection")

// connection is the one connection to the server: calls in both directions,
// told apart by their ids.
type connection struct {
	raw       net.Conn
	maxFrame  int
	codec     codec
	streaming bool

	writing sync.Mutex

	// The slots bound the calls this side has open at a time.
	slots chan struct{}
	ended chan struct{}

	// Goroutines without a call take the next one from here.
	workless chan func()
	idle     atomic.Int32

	mutex   sync.Mutex
	next    uint64
	asked   map[uint64]chan outcome
	working map[uint64]*call
	down    bool
	// Contexts of traced calls, by their instances.
	contexts map[uint64]context.Context
}

// outcome is how a call of this side ended.
type outcome struct {
	result raw
	err    error
}

// call is a call of the server that is being worked on.
type call struct {
	id         uint64
	method     string
	instance   *uint64
	params     raw
	context    context.Context
	cancel     context.CancelFunc
	connection *connection

	// What may still be sent of a streamed answer's body, in bytes.
	credit  int64
	credits sync.Cond
}

// asking is a call or notification as it is sent.
type asking struct {
	Type     string  `json:"type"`
	ID       *uint64 `json:"id,omitempty"`
	Method   string  `json:"method,omitempty"`
	Instance *uint64 `json:"instance,omitempty"`
	Deadline int64   `json:"deadline_ms,omitempty"`
	Params   any     `json:"params,omitempty"`
}

// answering is a reply as it is sent.
type answering struct {
	Type   string `json:"type"`
	ID     uint64 `json:"id"`
	Result any    `json:"result"`
}

// failing is an error as it is sent.
type failing struct {
	Type  string  `json:"type"`
	ID    uint64  `json:"id"`
	Error failure `json:"error"`
}

// message is any frame after the handshake as it is read.
type message struct {
	Type     string   `json:"type"`
	ID       *uint64  `json:"id,omitempty"`
	Method   *string  `json:"method,omitempty"`
	Instance *uint64  `json:"instance,omitempty"`
	Deadline int64    `json:"deadline_ms,omitempty"`
	Params   raw      `json:"params,omitempty"`
	Result   raw      `json:"result,omitempty"`
	Error    *failure `json:"error,omitempty"`

	Traceparent string `json:"traceparent,omitempty"`
}

func newConnection(raw net.Conn, terms welcome) *connection {
	c := &connection{
		raw:      raw,
		maxFrame: terms.MaxFrame,
		codec:    codecs[terms.Codec],
		workless: make(chan func()),
		slots:    make(chan struct{}, terms.MaxCalls),
		ended:    make(chan struct{}),
		next:     1,
		asked:    map[uint64]chan outcome{},
		working:  map[uint64]*call{},
		contexts: map[uint64]context.Context{},
	}
	for _, feature := range terms.Features {
		c.streaming = c.streaming || feature == featureStreaming
	}
	return c
}

// read takes messages until the connection ends and hands each call to called
// in another goroutine. It never runs the plugin's code itself, so that
// pings and cancellations are answered whatever the plugin does. The error is
// nil if the server asked for the end.
func (c *connection) read(called func(*call)) error {
	defer c.end()
	reader := bufio.NewReaderSize(c.raw, 64<<10)
	for {
		content, err := readFrame(reader, maxFrame)
		if c.isDown() {
			return nil
		}
		var broken violation
		if err != nil && !errors.As(err, &broken) {
			return errEnded
		}
		if err != nil {
			return fmt.Errorf("the server broke the protocol: %w", err)
		}
		if err := c.accept(content, called); err != nil {
			return fmt.Errorf("the server broke the protocol: %w", err)
		}
	}
}

// accept takes one message into account. An error ends the connection.
func (c *connection) accept(content []byte, called func(*call)) error {
	var m message
	if err := c.codec.decodeMessage(content, &m); err != nil {
		return fmt.Errorf("a frame that is not a message: %w", err)
	}
	lacks := func(field string) error {
		return fmt.Errorf("a message of the type %q without a valid %s", m.Type, field)
	}
	switch m.Type {
	case "call", "reply", "error", "cancel":
		if m.ID == nil || *m.ID > greatestID {
			return lacks("id")
		}
	case "notify":
	case "":
		return errors.New("a frame that is not a message: it has no type")
	default:
		return nil
	}
	switch m.Type {
	case "call":
		if m.Method == nil {
			return lacks("method")
		}
		return c.take(&m, called)
	case "reply":
		c.answered(*m.ID, outcome{result: m.Result})
	case "error":
		if m.Error == nil {
			return lacks("error")
		}
		c.answered(*m.ID, outcome{err: m.Error.toError()})
	case "cancel":
		c.mutex.Lock()
		open := c.working[*m.ID]
		c.mutex.Unlock()
		if open != nil {
			open.fail(failure{Kind: kindCancelled, Text: "cancelled; what the plugin still answers is thrown away"})
		}
	case "notify":
		if m.Method == nil {
			return lacks("method")
		}
		if *m.Method == "webhook.credit" {
			c.credited(m.Params)
		}
	}
	return nil
}

// take opens a call of the server.
func (c *connection) take(m *message, called func(*call)) error {
	ctx, cancel := context.Background(), func() {}
	if m.Traceparent != "" {
		ctx = context.WithValue(ctx, traceKey{}, m.Traceparent)
	}
	if *m.Method == "webhook.handle" {
		// Only there somebody looks at it.
		ctx, cancel = context.WithCancel(ctx)
	}
	open := &call{
		id:         *m.ID,
		method:     *m.Method,
		instance:   m.Instance,
		params:     m.Params,
		context:    ctx,
		cancel:     cancel,
		connection: c,
		credit:     streamWindow,
		credits:    sync.Cond{L: &c.mutex},
	}
	c.mutex.Lock()
	_, twice := c.working[open.id]
	if !twice {
		c.working[open.id] = open
	}
	c.mutex.Unlock()
	if twice {
		cancel()
		return fmt.Errorf("a call with the id %d, which is still open", open.id)
	}
	if open.method == "health.ping" {
		open.reply(nil)
		return nil
	}
	job := func() { called(open) }
	select {
	case c.workless <- job:
	default:
		go c.work(job)
	}
	return nil
}

// work runs a call, and those that come when it is done. A goroutine that did
// has a stack of the size that calls need; a new one would grow it again for
// each call.
func (c *connection) work(job func()) {
	for {
		job()
		if c.idle.Add(1) > mostIdle {
			c.idle.Add(-1)
			return
		}
		select {
		case job = <-c.workless:
			c.idle.Add(-1)
		case <-c.ended:
			return
		}
	}
}

func (c *connection) answered(id uint64, result outcome) {
	c.mutex.Lock()
	waiting := c.asked[id]
	delete(c.asked, id)
	c.mutex.Unlock()
	if waiting != nil {
		waiting <- result
	}
}

func (c *connection) credited(params raw) {
	var credit struct {
		Call  uint64 `json:"call"`
		Bytes uint32 `json:"bytes"`
	}
	if c.codec.decode(params, &credit) != nil {
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if open := c.working[credit.Call]; open != nil {
		open.credit += int64(credit.Bytes)
		open.credits.Broadcast()
	}
}

// send writes one message.
func (c *connection) send(m any) error {
	frame, err := appendFrame(nil, c.maxFrame, c.codec, m)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := c.raw.Write(frame); err != nil {
		return errEnded
	}
	return nil
}

// ask calls a function of the server and decodes its result into result, unless
// that is nil. It may be used from any goroutine.
func (c *connection) ask(method string, instance uint64, params, result any) error {
	timeout := time.NewTimer(askTimeout)
	defer timeout.Stop()
	late := &Error{Unavailable, fmt.Sprintf("%s was not answered within %s", method, askTimeout)}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-c.ended:
		return &Error{Unavailable, errEnded.Error()}
	case <-timeout.C:
		return late
	}
	waiting := make(chan outcome, 1)
	c.mutex.Lock()
	if c.down {
		c.mutex.Unlock()
		return &Error{Unavailable, errEnded.Error()}
	}
	id := c.next
	c.next++
	c.asked[id] = waiting
	c.mutex.Unlock()
	err := c.send(asking{
		Type: "call", ID: &id, Method: method, Instance: &instance,
		Deadline: askTimeout.Milliseconds(), Params: params,
	})
	if err != nil {
		c.mutex.Lock()
		delete(c.asked, id)
		c.mutex.Unlock()
		if errors.Is(err, errEnded) {
			return &Error{Unavailable, err.Error()}
		}
		return &Error{Invalid, fmt.Sprintf("%s: %s", method, err)}
	}
	select {
	case answer := <-waiting:
		if answer.err != nil || result == nil {
			return answer.err
		}
		if err := c.codec.decode(answer.result, result); err != nil {
			return &Error{Unavailable, fmt.Sprintf("the server answered %s with something else than was expected: %s", method, err)}
		}
		return nil
	case <-timeout.C:
		c.mutex.Lock()
		delete(c.asked, id)
		c.mutex.Unlock()
		// If this fails the connection has ended, and with it the call.
		_ = c.send(asking{Type: "cancel", ID: &id})
		return late
	}
}

// notify says something that has no answer.
func (c *connection) notify(method string, instance *uint64, params any) error {
	return c.send(asking{Type: "notify", Method: method, Instance: instance, Params: params})
}

// end fails what is open in both directions.
func (c *connection) end() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.down {
		return
	}
	c.down = true
	close(c.ended)
	for id, waiting := range c.asked {
		waiting <- outcome{err: &Error{Unavailable, errEnded.Error()}}
		delete(c.asked, id)
	}
	for id, open := range c.working {
		open.cancel()
		open.credits.Broadcast()
		delete(c.working, id)
	}
	c.raw.Close()
}

func (c *connection) isDown() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.down
}

// close takes the call off the list; false if it was answered already, so that
// no call is answered twice.
func (open *call) close() bool {
	c := open.connection
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.working[open.id] != open {
		return false
	}
	delete(c.working, open.id)
	open.cancel()
	open.credits.Broadcast()
	return true
}

// reply answers the call.
func (open *call) reply(result any) {
	if !open.close() {
		return
	}
	err := open.connection.send(answering{"reply", open.id, result})
	if err != nil && !errors.Is(err, errEnded) {
		open.sendFailure(failure{Kind: kindCrashed, Text: fmt.Sprintf("the answer of %s cannot be sent: %s", open.method, err)})
	}
}

// fail answers the call with an error.
func (open *call) fail(why failure) {
	if open.close() {
		open.sendFailure(why)
	}
}

func (open *call) sendFailure(why failure) {
	err := open.connection.send(failing{"error", open.id, why})
	var long tooLong
	if errors.As(err, &long) {
		why.Details, why.Problems = "", nil
		why.Text = firstBytes(why.Text, longestText)
		// If this fails the connection has ended, and with it the call.
		_ = open.connection.send(failing{"error", open.id, why})
	}
}

// notify says something about the call, if it is still open.
func (open *call) notify(method string, params any) error {
	if err := open.context.Err(); err != nil {
		return err
	}
	return open.connection.notify(method, nil, params)
}

// spend waits until n more bytes of a streamed body may be sent.
func (open *call) spend(n int) error {
	c := open.connection
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for open.credit < int64(n) {
		if err := open.context.Err(); err != nil {
			return err
		}
		open.credits.Wait()
	}
	open.credit -= int64(n)
	return nil
}
