package mortise

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestUptimeExample runs the plugin in examples/native-go-uptime, built as its
// README says, against a web server that goes down and comes back.
func TestUptimeExample(t *testing.T) {
	folder := "../../examples/native-go-uptime"
	if _, err := os.Stat(folder); err != nil {
		t.Skip("the examples are not beside this module")
	}
	build := exec.Command("go", "build", "-o", filepath.Join(built, "uptime"), ".")
	build.Dir = folder
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%s", err, output)
	}
	var status atomic.Int32
	status.Store(http.StatusOK)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer target.Close()

	h := start(t, "uptime")
	h.create(1, "ann")
	if why := h.fails("configurer.apply", 1, params{"config": "targets: [nonsense]"}); !strings.Contains(why.Text, `targets[0]: "nonsense" is not a web address`) {
		t.Error(why)
	}
	h.must(nil, "configurer.apply", 1, params{"config": "targets: [" + target.URL + "]\nevery: 1s\n"})
	h.must(nil, "lifecycle.start", 1, params{"user": User{ID: 1}})
	if answer := h.webhook(1, "GET", "status", ""); answer.Status != 200 || string(answer.Body) != `{"down":{}}` {
		t.Errorf("%+v %s", answer, answer.Body)
	}
	status.Store(http.StatusBadGateway)
	h.eventually("it goes down", func() bool { return len(h.messages()) == 1 })
	if down := h.messages()[0].Message.Content; down.Title != target.URL+" is down" || down.Body != "502 Bad Gateway" || down.Priority != 8 {
		t.Errorf("%+v", down)
	}
	if shown := display(h, 1); !strings.Contains(shown, "- "+target.URL+": down since") || !strings.Contains(shown, "https://push.example.org/plugin/1/custom/Pxyz1/status") {
		t.Error(shown)
	}
	// The state outlives the instance.
	h.must(nil, "lifecycle.stop", 1, params{"reason": "reloading"})
	h.must(nil, "instance.drop", 0, params{"instance": 1})
	status.Store(http.StatusOK)
	h.mutex.Lock()
	h.storage["2 gotify"] = h.storage["1 gotify"]
	h.mutex.Unlock()
	h.create(2, "ann")
	h.must(nil, "configurer.apply", 2, params{"config": "targets: [" + target.URL + "]\n"})
	h.must(nil, "lifecycle.start", 2, params{"user": User{ID: 1}})
	h.eventually("it is back", func() bool { return len(h.messages()) == 2 })
	if back := h.messages()[1].Message.Content; !strings.HasPrefix(back.Body, "It was down for ") {
		t.Errorf("%+v", back)
	}
}
