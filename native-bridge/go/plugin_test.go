package mortise

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestManifest(t *testing.T) {
	h := start(t, "webhook")
	var manifest Manifest
	h.must(&manifest, "manifest.describe", 0, nil)
	if manifest.ID != "github.com/example/gotify-webhook" || manifest.Name != "Webhook" || manifest.Version != "1.2.0" ||
		manifest.License != "MIT" || manifest.Author != "Ann" || manifest.Website != "https://example.org" {
		t.Errorf("%+v", manifest)
	}
	var beside struct {
		ModulePath string `json:"module_path"`
	}
	h.must(&beside, "manifest.describe", 0, nil)
	if beside.ModulePath != "github.com/Example/Gotify-Webhook" {
		t.Errorf("%+v", beside)
	}
	wants, _ := json.Marshal(manifest.Wants)
	for _, part := range []string{`"permission":"send_messages"`, `"permission":"webhook"`, `"permission":{"http":["*:*"]}`} {
		if !strings.Contains(string(wants), part) {
			t.Errorf("no %s in %s", part, wants)
		}
	}
}

func TestConstructorToCapabilities(t *testing.T) {
	for plugin, expected := range map[string][]string{
		"webhook":   {"lifecycle", "displayer", "webhook"},
		"poller":    {"lifecycle"},
		"config":    {"lifecycle", "configurer", "displayer", "webhook", "storage"},
		"beyond":    {"lifecycle", "configurer", "filter", "listener", "timer", "storage"},
		"counter":   {"lifecycle", "webhook", "storage"},
		"broadcast": {"lifecycle", "webhook"},
	} {
		if capabilities := start(t, plugin).create(1, "ann"); !slices.Equal(capabilities, expected) {
			t.Errorf("%s: %v", plugin, capabilities)
		}
	}
}

func display(h *testHost, number uint64) string {
	h.t.Helper()
	var text string
	h.must(&text, "displayer.display", number, params{"base_url": "https://push.example.org"})
	return text
}

const v1Order = `
NewGotifyPluginInstance
SetMessageHandler
SetStorageHandler
ValidateAndSetConfig %d
RegisterWebhook /plugin/1/custom/Pxyz1/`

func TestOrderWithoutStoredConfiguration(t *testing.T) {
	h := start(t, "config")
	h.create(1, "ann")
	if shown, expected := display(h, 1), "{ServerURL:https://example.org Interval:60 Rules:[]}"+fmt.Sprintf(v1Order, 60); shown != expected {
		t.Errorf("%s\nis not\n%s", shown, expected)
	}
	why := h.fails("lifecycle.start", 1, params{"user": User{}})
	if why.Kind != "refused" || why.Text != "add a rule first" {
		t.Error(why)
	}
}

func TestOrderWithStoredConfiguration(t *testing.T) {
	h := start(t, "config")
	h.create(1, "ann")
	var defaults string
	h.must(&defaults, "configurer.defaults", 1, nil)
	if defaults != "serverurl: https://example.org\npoll-interval: 60\nrules: []\n" {
		t.Error(defaults)
	}
	stored := "# mine\npoll-interval: 5\nrules:\n- {match: a.*, prio: 3}\n"
	h.must(nil, "configurer.apply", 1, params{"config": stored})
	h.must(nil, "lifecycle.start", 1, params{"user": User{}})
	expected := "{ServerURL:https://example.org Interval:5 Rules:[{Match:a.* Priority:3}]}" + fmt.Sprintf(v1Order, 5) + "\nEnable"
	if shown := display(h, 1); shown != expected {
		t.Errorf("%s\nis not\n%s", shown, expected)
	}
	// Disable fails: its words arrive, and it is not called again.
	why := h.fails("lifecycle.stop", 1, params{"reason": "disabled"})
	if why.Kind != "refused" || why.Text != "cannot be stopped" {
		t.Error(why)
	}
	h.must(nil, "lifecycle.stop", 1, params{"reason": "shutting_down"})
	if shown := display(h, 1); shown != expected+"\nDisable" {
		t.Error(shown)
	}
}

func TestRefusedConfiguration(t *testing.T) {
	h := start(t, "config")
	h.create(1, "ann")
	// Refused at first: it runs on its defaults.
	why := h.fails("configurer.apply", 1, params{"config": "poll-interval: 0\n"})
	if why.Kind != "problems" || len(why.Problems) != 1 || why.Problems[0].Text != "poll-interval is 0 and must be at least 1" {
		t.Errorf("%+v", why)
	}
	if shown := display(h, 1); !strings.Contains(shown, "ValidateAndSetConfig 0\nValidateAndSetConfig 60\nRegisterWebhook") {
		t.Error(shown)
	}
	h.must(nil, "configurer.apply", 1, params{"config": "poll-interval: 7\n"})
	// Refused later: it keeps what it had.
	for text, expected := range map[string]string{
		"poll-interval: -1":           "must be at least 1",
		"poll-interval: soon":         "line 1: cannot unmarshal",
		"poll-interval: [1":           "yaml: line 1",
		"rules: {}\npoll-interval: x": "cannot unmarshal",
	} {
		why := h.fails("configurer.apply", 1, params{"config": text})
		if why.Kind != "problems" || !strings.Contains(why.Problems[0].Text, expected) {
			t.Errorf("%q: %+v", text, why)
		}
		if shown := display(h, 1); !strings.Contains(shown, "Interval:7") || strings.Contains(shown, "Interval:-1") {
			t.Error(shown)
		}
	}
	h.must(nil, "configurer.apply", 1, params{"config": ""})
	if shown := display(h, 1); !strings.Contains(shown, "Interval:60") {
		t.Error(shown)
	}
}

func TestDisplayLocation(t *testing.T) {
	h := start(t, "webhook")
	h.create(4, "ann")
	if shown := display(h, 4); shown != "https://push.example.org/plugin/4/custom/Pxyz4/message" {
		t.Error(shown)
	}
	var text string
	h.must(&text, "displayer.display", 4, params{"base_url": nil})
	if text != "somewhere below /plugin/4/custom/Pxyz4/" {
		t.Error(text)
	}
}

func TestBasePathThatComesLate(t *testing.T) {
	h := start(t, "webhook")
	h.must(nil, "instance.create", 0, params{"instance": 1, "user": User{ID: 1}})
	h.must(nil, "lifecycle.start", 1, params{"user": User{ID: 1}})
	if answer := h.webhook(1, "POST", "raw", "x"); answer.Status != 200 {
		t.Errorf("%+v", answer)
	}
	if shown := display(h, 1); shown != "https://push.example.org/plugin/1/custom/Pxyz1/message" {
		t.Error(shown)
	}
}

func TestPollerSendsWhileEnabled(t *testing.T) {
	h := start(t, "poller")
	h.enable(1, "ann")
	h.enable(2, "bob")
	from := func() map[uint64]int {
		counts := map[uint64]int{}
		for _, message := range h.messages() {
			counts[message.Instance]++
		}
		return counts
	}
	h.eventually("both have sent", func() bool {
		counts := from()
		return counts[1] > 6 && counts[2] > 6
	})
	h.must(nil, "lifecycle.stop", 1, params{"reason": "disabled"})
	// A drop without a stop, as after a panic, must end the goroutine too.
	h.must(nil, "instance.drop", 0, params{"instance": 2})
	before := from()
	// It polls as often as they did, and sends three messages each time.
	h.enable(3, "cid")
	h.eventually("another has polled ten times", func() bool { return from()[3] > 30 })
	if after := from(); after[1] != before[1] || after[2] != before[2] {
		t.Errorf("%v messages at the end, %v later", before, after)
	}
	h.must(nil, "lifecycle.start", 1, params{"user": User{}})
	h.eventually("it sends again", func() bool { return from()[1] > before[1] })
}

func TestBroadcastThroughPackageGlobals(t *testing.T) {
	h := start(t, "broadcast")
	h.enable(1, "ann")
	h.enable(2, "bob")
	h.create(3, "cid")
	answer := h.webhook(1, "POST", "say", "hello all")
	if answer.Status != 200 || string(answer.Body) != `{"reached":2}` {
		t.Errorf("%+v %s", answer, answer.Body)
	}
	var instances []uint64
	for _, message := range h.messages() {
		instances = append(instances, message.Instance)
		if message.Message.Content.Title != "ann" || message.Message.Content.Body != "hello all" || message.Message.Application != nil {
			t.Errorf("%+v", message)
		}
	}
	if !slices.Equal(instances, []uint64{1, 2}) {
		t.Error(instances)
	}
}

func TestStorageIsPerUserAndLasts(t *testing.T) {
	h := start(t, "counter")
	h.enable(1, "ann")
	h.enable(2, "bob")
	for _, expected := range []string{`{"count":1}`, `{"count":2}`} {
		if answer := h.webhook(1, "POST", "count", ""); string(answer.Body) != expected {
			t.Errorf("%s", answer.Body)
		}
	}
	if answer := h.webhook(2, "POST", "count", ""); string(answer.Body) != `{"count":1}` {
		t.Errorf("%s", answer.Body)
	}
	h.must(nil, "lifecycle.stop", 1, params{"reason": "idle"})
	h.must(nil, "instance.drop", 0, params{"instance": 1})
	h.mutex.Lock()
	h.storage["3 gotify"] = h.storage["1 gotify"]
	keys := len(h.storage)
	h.mutex.Unlock()
	if keys != 3 {
		t.Errorf("%v", h.storage)
	}
	h.enable(3, "ann")
	if answer := h.webhook(3, "POST", "count", ""); string(answer.Body) != `{"count":3}` {
		t.Errorf("%s", answer.Body)
	}
	// Saving nothing is no error, and neither is loading it.
	h.webhook(3, "DELETE", "count", "")
	if answer := h.webhook(3, "POST", "count", ""); string(answer.Body) != `{"count":1}` {
		t.Errorf("%s", answer.Body)
	}
}

func TestConstructorPanic(t *testing.T) {
	h := start(t, "webhook")
	h.create(1, "ann")
	why := h.fails("instance.create", 0, params{"instance": 2, "user": User{Name: "boom"}, "base_path": basePath(2)})
	if why.Kind != "crashed" || why.Text != "panic: no plugin for boom" || !strings.Contains(why.Details, "main.NewGotifyPluginInstance") {
		t.Errorf("%+v", why)
	}
	if why := h.fails("lifecycle.start", 2, params{"user": User{}}); why.Kind != "unknown_instance" {
		t.Error(why)
	}
	h.must(nil, "lifecycle.start", 1, params{"user": User{}})
}

func TestHandlerPanic(t *testing.T) {
	h := start(t, "webhook")
	h.enable(1, "ann")
	why := h.fails("webhook.handle", 1, params{"request": request(1, "GET", "panic", "")})
	if why.Kind != "crashed" || why.Text != "panic: the handler broke" || !strings.Contains(why.Details, "RegisterWebhook") {
		t.Errorf("%+v", why)
	}
	// It comes by a pipe of its own, so it may come after the answer.
	h.eventually("the panic is written down", func() bool { return strings.Contains(h.stderr.String(), "the handler broke") })
	h.must(nil, "instance.drop", 0, params{"instance": 1})
	h.enable(2, "ann")
	if answer := h.webhook(2, "POST", "raw", "x"); answer.Status != 200 {
		t.Errorf("%+v", answer)
	}
}

func TestGoroutinePanic(t *testing.T) {
	h := start(t, "webhook")
	h.enable(1, "ann")
	_, err := h.call("webhook.handle", 1, params{"request": request(1, "GET", "goroutine", "")})
	if err == nil {
		t.Error("it answered")
	}
	if status := h.exit(); status != 2 || !strings.Contains(h.stderr.String(), "the goroutine broke") || !strings.Contains(h.stderr.String(), "main.(*Plugin)") {
		t.Errorf("%d: %s", status, h.stderr.String())
	}
}

func TestBeyondV1(t *testing.T) {
	h := start(t, "beyond")
	var manifest Manifest
	h.must(&manifest, "manifest.describe", 0, nil)
	if len(manifest.Wants) != 7 {
		t.Errorf("%+v", manifest.Wants)
	}
	h.enable(1, "ann")
	if h.timers["tidy"] != `{"every_ms":60000}` {
		t.Error(h.timers)
	}
	draft := func(title, body string) params {
		return params{"draft": Draft{Content: Content{Title: title, Body: body}}}
	}
	for _, test := range []struct {
		params  params
		verdict Verdict
	}{
		{draft("a", "b"), Keep},
		{draft("a", "buy now"), Drop("an advertisement")},
		{draft(" a ", "b"), Replace(Content{Title: "a", Body: "b"})},
	} {
		var verdict Verdict
		h.must(&verdict, "filter.filter", 1, test.params)
		if !reflect.DeepEqual(verdict, test.verdict) {
			t.Errorf("%+v", verdict.wire())
		}
	}
	if why := h.fails("filter.filter", 1, draft("a", "?")); why.Kind != "refused" || why.Text != "cannot tell" {
		t.Error(why)
	}
	h.must(nil, "listener.on_messages", 1, params{"messages": []Message{{Content: Content{Title: "one"}}, {Content: Content{Title: "two"}}}})
	h.must(nil, "timer.on_timer", 1, params{"name": "tidy"})
	sent := h.messages()
	if len(sent) != 1 || *sent[0].Message.Application != "Tidier" || sent[0].Message.Content.Body != `removed 0; last was "two"` {
		t.Errorf("%+v", sent)
	}
	h.eventually("the line arrives", func() bool {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		return slices.Contains(h.log, "info sent 1")
	})
	why := h.fails("configurer.apply", 1, params{"config": "words: [a, '', b, '']"})
	if why.Kind != "problems" || !slices.Equal(why.Problems, []Problem{{"words[1]", "an empty word"}, {"words[3]", "an empty word"}}) {
		t.Errorf("%+v", why)
	}
	h.must(nil, "lifecycle.stop", 1, params{"reason": "shutting_down"})
	if len(h.timers) != 0 {
		t.Error(h.timers)
	}
	h.eventually("it says why", func() bool {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		return slices.Contains(h.log, "info stopped: shutting_down")
	})
}
