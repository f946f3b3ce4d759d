package mortise

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestJSONBodyAndParameters(t *testing.T) {
	h := start(t, "webhook")
	h.enable(1, "ann")
	answer := h.webhook(1, "POST", "message/builds", `{"title":"<ok>","text":"all *green*"}`, "content-type", "application/json")
	if answer.Status != 204 || len(answer.Body) != 0 || answer.header("x-served-for") != "ann" {
		t.Errorf("%+v", answer)
	}
	sent := h.messages()[0]
	if sent.Message.Content.Title != "builds: <ok>" || sent.Message.Content.Body != "all *green*" || sent.Message.Content.Priority != 7 ||
		*sent.Message.Content.Extras != `{"client::display":{"contentType":"text/markdown"}}` {
		t.Errorf("%+v", sent)
	}
	if answer := h.webhook(1, "POST", "message/builds", `{"title":1}`); answer.Status != 400 || !strings.Contains(string(answer.Body), "cannot unmarshal number") {
		t.Errorf("%+v %s", answer, answer.Body)
	}
	if answer := h.webhook(1, "PUT", "bind", "text=bound&title=x", "content-type", "application/x-www-form-urlencoded"); string(answer.Body) != "bound" {
		t.Errorf("%+v %s", answer, answer.Body)
	}
	answer = h.webhook(1, "PUT", "bind", "{}", "content-type", "application/json")
	if answer.Status != 400 || !strings.Contains(string(answer.Body), `"errorCode":400`) {
		t.Errorf("%+v %s", answer, answer.Body)
	}
}

func TestFormsRedirectsAndCookies(t *testing.T) {
	h := start(t, "webhook")
	h.enable(1, "ann")
	h.webhook(1, "POST", "form", "text=hello+form", "content-type", "application/x-www-form-urlencoded")
	if sent := h.messages()[0]; sent.Message.Content.Title != "untitled" || sent.Message.Content.Body != "hello form" {
		t.Errorf("%+v", sent)
	}
	login := h.webhook(1, "GET", "session/login?tab=a%26b", "")
	if login.Status != 303 || login.header("location") != "/plugin/1/custom/Pxyz1/session/home?tab=a%26b" {
		t.Errorf("%+v", login)
	}
	if cookie := login.header("set-cookie"); !strings.HasPrefix(cookie, "session=s3cret; Path=/plugin/1/custom/Pxyz1/; Max-Age=60; HttpOnly; Secure") {
		t.Error(cookie)
	}
	// What the user did not grant was removed by the server before.
	if answer := h.webhook(1, "GET", "session/home", ""); answer.Status != 401 || !strings.Contains(string(answer.Body), `"errorDescription":"log in first"`) {
		t.Errorf("%+v %s", answer, answer.Body)
	}
	answer := h.webhook(1, "GET", "session/home", "", "cookie", "session=s3cret")
	if answer.Status != 200 || string(answer.Body) != "<p>s3cret</p>" || answer.header("content-type") != "text/html; charset=utf-8" {
		t.Errorf("%+v %s", answer, answer.Body)
	}
}

func TestTheClientAsItIs(t *testing.T) {
	h := start(t, "webhook")
	h.enable(4, "ann")
	asked := request(4, "GET", "where/a%20b/c?q=1&q=%3D", "", "x-forwarded-for", "203.0.113.9", "x-forwarded-proto", "gopher", "accept", "*/*")
	for _, test := range []struct{ scheme, client, remote string }{
		{"https", "192.0.2.7", "192.0.2.7:0"},
		{"http", "2001:db8::7", "[2001:db8::7]:0"},
	} {
		asked.Scheme, asked.Client = test.scheme, test.client
		var answer WebhookResponse
		h.must(&answer, "webhook.handle", 4, params{"request": asked})
		var seen map[string]any
		if err := json.Unmarshal(answer.Body, &seen); err != nil {
			t.Fatalf("%s: %s", err, answer.Body)
		}
		for name, expected := range map[string]any{
			"client": test.client, "remote": test.remote, "host": "push.example.org", "proto": test.scheme,
			"tls": test.scheme == "https", "rest": "/a b/c", "id": "4", "query": []any{"1", "="},
			"uri": "/plugin/4/custom/Pxyz4/where/a%20b/c?q=1&q=%3D", "full": "/plugin/:id/custom/Pxyz4/where/*rest",
			"location": test.scheme + "://push.example.org",
		} {
			if fmt.Sprint(seen[name]) != fmt.Sprint(expected) {
				t.Errorf("%s is %v, not %v", name, seen[name], expected)
			}
		}
	}
}

func TestTheAddressOfAServerBelowAPath(t *testing.T) {
	h := start(t, "webhook")
	below := "/push" + basePath(4)
	h.must(nil, "instance.create", 0, params{"instance": 4, "user": User{ID: 4, Name: "ann"}, "base_path": below})
	h.must(nil, "lifecycle.start", 4, params{"user": User{ID: 4, Name: "ann"}})
	asked := request(4, "GET", "where/to", "")
	asked.BasePath = below
	var answer WebhookResponse
	h.must(&answer, "webhook.handle", 4, params{"request": asked})
	var seen map[string]any
	if err := json.Unmarshal(answer.Body, &seen); err != nil {
		t.Fatalf("%s: %s", err, answer.Body)
	}
	for name, expected := range map[string]any{
		"id": "4", "uri": below + "where/to", "full": "/push/plugin/:id/custom/Pxyz4/where/*rest",
	} {
		if seen[name] != expected {
			t.Errorf("%s is %v, not %v", name, seen[name], expected)
		}
	}
	if shown := display(h, 4); shown != "https://push.example.org"+below+"message" {
		t.Error(shown)
	}
}

func TestAnswersAsGoServesThem(t *testing.T) {
	h := start(t, "webhook")
	h.enable(1, "ann")
	body := string([]byte{0, 159, 255, 10})
	if answer := h.webhook(1, "PATCH", "raw", body); string(answer.Body) != body || answer.header("content-type") != "application/octet-stream" {
		t.Errorf("%+v", answer)
	}
	if answer := h.webhook(1, "HEAD", "size", ""); len(answer.Body) != 0 || answer.header("content-length") != "5" {
		t.Errorf("%+v", answer)
	}
	if answer := h.webhook(1, "GET", "accept", "", "accept", "application/json"); string(answer.Body) != "text/plain" && string(answer.Body) != "application/json" {
		t.Errorf("%+v %s", answer, answer.Body)
	}
	if answer := h.webhook(1, "GET", "nowhere", ""); answer.Status != 404 || string(answer.Body) != `{"error":"Not Found","errorCode":404,"errorDescription":"page not found"}` {
		t.Errorf("%+v %s", answer, answer.Body)
	}
	if answer := h.webhook(1, "GET", "upgrade", ""); !strings.Contains(string(answer.Body), "WebSocket") {
		t.Errorf("%+v %s", answer, answer.Body)
	}
	if answer := h.webhook(1, "GET", "stream", ""); string(answer.Body) != "part 0\npart 1\npart 2\n" || answer.header("content-type") != "text/plain; charset=utf-8" {
		t.Errorf("%+v %s", answer, answer.Body)
	}
	if why := h.fails("webhook.handle", 1, params{"request": request(1, "GET", "%zz", "")}); why.Kind != "invalid" {
		t.Error(why)
	}
}

func note(t *testing.T, h *testHost, method string, into any) {
	t.Helper()
	select {
	case m := <-h.notes:
		if *m.Method != method {
			t.Fatalf("%s, not %s", *m.Method, method)
		}
		if err := h.codec.decode(m.Params, into); err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatalf("no %s", method)
	}
}

type (
	headNote struct {
		Call    uint64   `json:"call"`
		Status  int      `json:"status"`
		Headers []Header `json:"headers"`
	}
	chunkNote struct {
		Call uint64 `json:"call"`
		Body []byte `json:"body"`
	}
)

func TestStreamedAnswer(t *testing.T) {
	h := start(t, "webhook", "webhook-stream")
	h.enable(1, "ann")
	id, waiting := h.begin("webhook.handle", 1, params{"request": request(1, "GET", "stream", "")})
	var head headNote
	note(t, h, "webhook.head", &head)
	if head.Call != id || head.Status != 200 || (WebhookResponse{Headers: head.Headers}).header("content-type") != "text/plain; charset=utf-8" {
		t.Errorf("%+v", head)
	}
	for n := range 3 {
		var chunk chunkNote
		note(t, h, "webhook.chunk", &chunk)
		if chunk.Call != id || string(chunk.Body) != fmt.Sprintf("part %d\n", n) {
			t.Errorf("%+v", chunk)
		}
	}
	result, err := h.wait("webhook.handle", waiting)
	var response *WebhookResponse
	if err == nil {
		err = h.codec.decode(result, &response)
	}
	if err != nil || response != nil {
		t.Errorf("%s, %v", result, err)
	}
	// What does not flush is answered whole all the same.
	if answer := h.webhook(1, "POST", "raw", "x"); string(answer.Body) != "x" {
		t.Errorf("%+v", answer)
	}
}

func TestStreamWaitsForCredit(t *testing.T) {
	h := start(t, "webhook", "webhook-stream")
	h.enable(1, "ann")
	received := map[uint64]int{}
	take := func() {
		var chunk chunkNote
		note(t, h, "webhook.chunk", &chunk)
		if len(chunk.Body) < 1 || len(chunk.Body) > 65536 {
			t.Fatalf("a chunk of %d bytes", len(chunk.Body))
		}
		received[chunk.Call] += len(chunk.Body)
	}
	flood := func() (uint64, chan outcome) {
		id, waiting := h.begin("webhook.handle", 1, params{"request": request(1, "GET", "flood", "")})
		note(t, h, "webhook.head", &headNote{})
		for received[id] < 200_000 {
			take()
		}
		return id, waiting
	}
	first, waiting := flood()
	// A stream that does not wait sends more while a later one begins.
	second, _ := flood()
	h.must(nil, "health.ping", 0, nil)
	// All that they sent before the answer is there.
	for len(h.notes) > 0 {
		take()
	}
	if received[first] > 262144 || received[second] > 262144 {
		t.Errorf("%v bytes without credit", received)
	}
	h.write(params{"type": "notify", "method": "webhook.credit", "params": params{"call": first, "bytes": 1_000_000}})
	for received[first] < 1_000_000 {
		take()
	}
	if _, err := h.wait("webhook.handle", waiting); err != nil || received[first] != 1_000_000 {
		t.Errorf("%v bytes, %v", received, err)
	}
}

func TestCancelledStreamEnds(t *testing.T) {
	h := start(t, "webhook", "webhook-stream")
	h.enable(1, "ann")
	id, waiting := h.begin("webhook.handle", 1, params{"request": request(1, "GET", "flood", "")})
	note(t, h, "webhook.head", &headNote{})
	h.write(params{"type": "cancel", "id": id})
	if _, err := h.wait("webhook.handle", waiting); err == nil || err.(*failure).Kind != "cancelled" {
		t.Error(err)
	}
	if answer := h.webhook(1, "POST", "raw", "x"); string(answer.Body) != "x" {
		t.Errorf("%+v", answer)
	}
}

func TestCancelIsAnsweredAtOnceAndTheHandlerIsTold(t *testing.T) {
	h := start(t, "webhook")
	h.enable(1, "ann")
	id, waiting := h.begin("webhook.handle", 1, params{"request": request(1, "GET", "slow", "")})
	h.must(nil, "health.ping", 0, nil)
	h.write(params{"type": "cancel", "id": id})
	if _, err := h.wait("webhook.handle", waiting); err == nil || err.(*failure).Kind != "cancelled" {
		t.Error(err)
	}
	// The handler goes on and may still send; its answer is thrown away, or
	// the host of these tests would complain.
	h.eventually("the handler ends", func() bool { return len(h.messages()) == 1 })
	h.must(nil, "health.ping", 0, nil)
}

func TestManyAtATime(t *testing.T) {
	h := start(t, "webhook")
	h.enable(1, "ann")
	h.enable(2, "bob")
	var waiting []chan outcome
	// More than max_calls, so that the plugin has to wait with its own calls.
	for i := range 40 {
		_, w := h.begin("webhook.handle", uint64(i%2+1), params{"request": request(uint64(i%2+1), "POST", "form", fmt.Sprintf("text=%d", i), "content-type", "application/x-www-form-urlencoded")})
		waiting = append(waiting, w)
	}
	for _, w := range waiting {
		if _, err := h.wait("webhook.handle", w); err != nil {
			t.Error(err)
		}
	}
	if sent := len(h.messages()); sent != 40 {
		t.Errorf("%d messages", sent)
	}
}

func TestATitleAloneIsSentAsText(t *testing.T) {
	h := start(t, "webhook")
	h.enable(1, "ann")
	form := params{"request": request(1, "POST", "form", "text=", "content-type", "application/x-www-form-urlencoded")}
	_, waiting := h.begin("webhook.handle", 1, form)
	if _, err := h.wait("webhook.handle", waiting); err != nil {
		t.Fatal(err)
	}
	sent := h.messages()
	if len(sent) != 1 || sent[0].Message.Content.Body != "untitled" || sent[0].Message.Content.Title != "" {
		t.Errorf("%+v", sent)
	}
}

func TestSendMessageWaitsAndFails(t *testing.T) {
	h := start(t, "webhook")
	h.enable(1, "ann")
	// Not stored yet: the handler has to wait for it.
	asked := make(chan uint64, 1)
	h.mutex.Lock()
	h.onSend = func(id uint64) { asked <- id }
	h.mutex.Unlock()
	form := params{"request": request(1, "POST", "form", "text=x", "content-type", "application/x-www-form-urlencoded")}
	_, waiting := h.begin("webhook.handle", 1, form)
	id := <-asked
	// A later request is answered before it.
	if answer := h.webhook(1, "POST", "raw", "x"); string(answer.Body) != "x" {
		t.Errorf("%+v", answer)
	}
	if len(waiting) > 0 {
		t.Error("SendMessage did not wait")
	}
	h.write(params{"type": "error", "id": id, "error": failure{Kind: "exhausted", Text: "120 messages a minute are allowed; the next one in 3 s"}})
	result, err := h.wait("webhook.handle", waiting)
	if err != nil {
		t.Fatal(err)
	}
	var answer WebhookResponse
	_ = h.codec.decode(result, &answer)
	if answer.Status != 502 || !strings.Contains(string(answer.Body), "exhausted: 120 messages a minute") {
		t.Errorf("%s", answer.Body)
	}
	h.eventually("it is logged", func() bool {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		return len(h.log) == 1 && strings.HasPrefix(h.log[0], `warn the message "untitled" was not sent: exhausted`)
	})
	// The server dies in the middle of it.
	h.begin("webhook.handle", 1, form)
	<-asked
	h.raw.Close()
	if h.exit() != 1 {
		t.Error(h.stderr.String())
	}
}
