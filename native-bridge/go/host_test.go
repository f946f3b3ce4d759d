package mortise

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// How long a test waits for anything.
const patience = 20 * time.Second

// built is the folder of the test plugins' executables.
var built string

// spoken is the codec that plugins are welcomed with.
var spoken string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "plugins")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		build := exec.Command("go", "build", "-o", folder+"/", "./testplugins/...")
		if output, err := build.CombinedOutput(); err != nil {
			fmt.Printf("the test plugins do not build: %s\n%s", err, output)
			return 1
		}
		built = folder
		// All of it in each codec: what start welcomes plugins with.
		for _, spoken = range codecNames {
			fmt.Println("# over", spoken)
			if status := m.Run(); status != 0 {
				return status
			}
		}
		return 0
	}())
}

// testHost is a server for one plugin process: a real socket, a real process,
// everything that it is told kept in memory.
type testHost struct {
	t        testing.TB
	raw      net.Conn
	codec    codec
	command  *exec.Cmd
	exited   chan error
	hello    hello
	writing  sync.Mutex
	mutex    sync.Mutex
	next     uint64
	asked    map[uint64]chan outcome
	failures map[uint64]*failure

	stdout, stderr lockedBuffer
	sent           []sentMessage
	storage        map[string][]byte
	log            []string
	notes          chan message
	timers         map[string]string
	// Answers messages.send instead of the memory, if set.
	onSend func(id uint64)
	cancel []uint64
}

type sentMessage struct {
	Instance uint64
	Message  Outgoing
}

type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(content []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(content)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}

const secret = "6f1c6f1c6f1c6f1c6f1c6f1c6f1c6f1c6f1c6f1c6f1c6f1c6f1c6f1c6f1c6f1c"

// spawn starts a test plugin, up to its hello.
func spawn(t testing.TB, name string) *testHost {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	h := &testHost{
		t: t, codec: jsonCodec{}, next: 1, exited: make(chan error, 1), asked: map[uint64]chan outcome{}, failures: map[uint64]*failure{},
		storage: map[string][]byte{}, notes: make(chan message, 1000), timers: map[string]string{},
	}
	h.command = exec.Command(filepath.Join(built, name))
	h.command.Env = []string{"MORTISE_SOCKET=" + socket, "MORTISE_SECRET=" + secret}
	h.command.Dir = t.TempDir()
	h.command.Stdout, h.command.Stderr = &h.stdout, &h.stderr
	if err := h.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { h.exited <- h.command.Wait() }()
	t.Cleanup(func() { _ = h.command.Process.Kill() })
	if err := listener.(*net.UnixListener).SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if h.raw, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.raw.Close() })
	content, err := readFrame(h.raw, handshakeFrame)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &h.hello); err != nil {
		t.Fatal(err)
	}
	return h
}

// start starts a test plugin and welcomes it.
func start(t testing.TB, name string, features ...string) *testHost {
	t.Helper()
	return startIn(t, spoken, name, features...)
}

// startIn starts a test plugin and welcomes it with this codec.
func startIn(t testing.TB, codec, name string, features ...string) *testHost {
	t.Helper()
	h := spawn(t, name)
	h.write(map[string]any{
		"type": "welcome", "protocol": "mortise-native", "version": 1, "contract": "0.2.0", "codec": codec,
		"features": features, "max_frame": 32 << 20, "max_calls": 4, "cancel_grace_ms": 5000,
		"host": "test", "news": true,
	})
	h.codec = codecs[codec]
	go h.read()
	return h
}

func (h *testHost) write(message any) {
	frame, err := appendFrame(nil, maxFrame, h.codec, message)
	if err != nil {
		panic(err)
	}
	h.writing.Lock()
	defer h.writing.Unlock()
	_, _ = h.raw.Write(frame)
}

func (h *testHost) read() {
	for {
		content, err := readFrame(h.raw, maxFrame)
		if err != nil {
			h.mutex.Lock()
			for id, waiting := range h.asked {
				waiting <- outcome{err: fmt.Errorf("the plugin is gone: %w", err)}
				delete(h.asked, id)
			}
			h.asked = nil
			h.mutex.Unlock()
			return
		}
		var m message
		if err := h.codec.decode(content, &m); err != nil {
			panic(fmt.Sprintf("%s: %s", err, content))
		}
		switch m.Type {
		case "reply", "error":
			h.mutex.Lock()
			waiting := h.asked[*m.ID]
			delete(h.asked, *m.ID)
			h.mutex.Unlock()
			if waiting == nil {
				panic(fmt.Sprintf("an answer to nothing: %s", content))
			}
			if m.Type == "error" {
				waiting <- outcome{err: m.Error}
			} else {
				waiting <- outcome{result: m.Result}
			}
		case "call":
			h.serve(m)
		case "cancel":
			h.mutex.Lock()
			h.cancel = append(h.cancel, *m.ID)
			h.mutex.Unlock()
		case "notify":
			if *m.Method == "log.write" {
				var line struct {
					Level string `json:"level"`
					Text  string `json:"text"`
				}
				_ = h.codec.decode(m.Params, &line)
				h.mutex.Lock()
				h.log = append(h.log, line.Level+" "+line.Text)
				h.mutex.Unlock()
			} else {
				h.notes <- m
			}
		}
	}
}

// serve answers what the plugin asks.
func (h *testHost) serve(m message) {
	reply := func(result any) {
		encoded, _ := h.codec.encode(result)
		h.write(message{Type: "reply", ID: m.ID, Result: encoded})
	}
	var params struct {
		Message Outgoing `json:"message"`
		Key     string   `json:"key"`
		Value   []byte   `json:"value"`
		Name    string   `json:"name"`
		When    Schedule `json:"when"`
	}
	if err := h.codec.decode(m.Params, &params); err != nil {
		panic(err)
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	switch *m.Method {
	case "messages.send":
		if h.onSend != nil {
			h.onSend(*m.ID)
			return
		}
		if params.Message.Content.Body == "" {
			h.write(message{Type: "error", ID: m.ID, Error: &failure{Kind: "invalid", Text: "an empty body"}})
			return
		}
		h.sent = append(h.sent, sentMessage{*m.Instance, params.Message})
		reply(len(h.sent))
	case "messages.sent":
		messages := []Message{}
		for i, sent := range h.sent {
			messages = append(messages, Message{ID: uint64(i + 1), Content: sent.Message.Content})
		}
		reply(messages)
	case "messages.remove":
		reply(nil)
	case "storage.get":
		value, there := h.storage[fmt.Sprintf("%d %s", *m.Instance, params.Key)]
		if !there {
			reply(nil)
			return
		}
		reply(value)
	case "storage.set":
		h.storage[fmt.Sprintf("%d %s", *m.Instance, params.Key)] = params.Value
		reply(nil)
	case "timers.set":
		when, _ := json.Marshal(params.When)
		h.timers[params.Name] = string(when)
		reply(nil)
	case "timers.cancel":
		delete(h.timers, params.Name)
		reply(nil)
	default:
		h.write(message{Type: "error", ID: m.ID, Error: &failure{Kind: "unknown_method", Text: *m.Method}})
	}
}

// begin makes a call without waiting for its end.
func (h *testHost) begin(method string, instance uint64, params any) (uint64, chan outcome) {
	encoded, err := h.codec.encode(params)
	if err != nil {
		panic(err)
	}
	waiting := make(chan outcome, 1)
	h.mutex.Lock()
	id := h.next
	h.next++
	if h.asked == nil {
		waiting <- outcome{err: errEnded}
	} else {
		h.asked[id] = waiting
	}
	h.mutex.Unlock()
	m := message{Type: "call", ID: &id, Method: &method, Deadline: 10000, Params: encoded}
	if instance != 0 {
		m.Instance = &instance
	}
	h.write(m)
	return id, waiting
}

func (h *testHost) wait(method string, waiting chan outcome) (raw, error) {
	h.t.Helper()
	select {
	case answer := <-waiting:
		return answer.result, answer.err
	case <-time.After(patience):
		h.t.Fatalf("%s was not answered; stderr: %s", method, h.stderr.String())
		return nil, nil
	}
}

// call makes a call and waits for its end.
func (h *testHost) call(method string, instance uint64, params any) (raw, error) {
	h.t.Helper()
	_, waiting := h.begin(method, instance, params)
	return h.wait(method, waiting)
}

// must makes a call that has to succeed and decodes its result.
func (h *testHost) must(into any, method string, instance uint64, params any) {
	h.t.Helper()
	result, err := h.call(method, instance, params)
	if err != nil {
		h.t.Fatalf("%s: %s", method, err)
	}
	if into != nil {
		if err := h.codec.decode(result, into); err != nil {
			h.t.Fatalf("%s: %s in %s", method, err, result)
		}
	}
}

// fails makes a call that has to fail.
func (h *testHost) fails(method string, instance uint64, params any) *failure {
	h.t.Helper()
	result, err := h.call(method, instance, params)
	var why *failure
	if !errors.As(err, &why) {
		h.t.Fatalf("%s: %s, %v", method, result, err)
	}
	return why
}

type params map[string]any

// create makes an instance for a user and returns its capabilities.
func (h *testHost) create(number uint64, name string) []string {
	h.t.Helper()
	var created struct {
		Capabilities []string `json:"capabilities"`
		Concurrent   bool     `json:"concurrent"`
	}
	h.must(&created, "instance.create", 0, params{
		"instance": number, "user": User{ID: number, Name: name}, "base_path": basePath(number),
	})
	if !created.Concurrent {
		h.t.Error("webhooks of v1 plugins run concurrently")
	}
	return created.Capabilities
}

func basePath(number uint64) string { return fmt.Sprintf("/plugin/%d/custom/Pxyz%d/", number, number) }

// enable creates an instance and starts it.
func (h *testHost) enable(number uint64, name string) {
	h.t.Helper()
	h.create(number, name)
	h.must(nil, "lifecycle.start", number, params{"user": User{ID: number, Name: name}})
}

// request is a webhook request as a client behind a proxy with TLS makes it.
func request(number uint64, method, path, body string, headers ...string) WebhookRequest {
	path, query, found := strings.Cut(path, "?")
	r := WebhookRequest{
		Method: method, Path: path, Headers: []Header{}, Body: []byte(body), Client: "192.0.2.7",
		Scheme: "https", Host: "push.example.org", BasePath: basePath(number),
	}
	if found {
		r.Query = &query
	}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, Header{headers[i], headers[i+1]})
	}
	return r
}

func (h *testHost) webhook(number uint64, method, path, body string, headers ...string) WebhookResponse {
	h.t.Helper()
	var answer WebhookResponse
	h.must(&answer, "webhook.handle", number, params{"request": request(number, method, path, body, headers...)})
	return answer
}

func (r WebhookResponse) header(name string) string {
	for _, field := range r.Headers {
		if field.Name == name {
			return field.Value
		}
	}
	return ""
}

func (h *testHost) messages() []sentMessage {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return append([]sentMessage{}, h.sent...)
}

// exit waits for the end of the process and returns its status.
func (h *testHost) exit() int {
	h.t.Helper()
	select {
	case <-h.exited:
		return h.command.ProcessState.ExitCode()
	case <-time.After(patience):
		h.t.Fatal("the plugin did not exit")
		return 0
	}
}
