package mortise

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

func TestStartedByHand(t *testing.T) {
	command := exec.Command(filepath.Join(built, "poller"))
	command.Env = []string{}
	output, err := command.CombinedOutput()
	if err == nil || command.ProcessState.ExitCode() != 2 {
		t.Errorf("exit status %d", command.ProcessState.ExitCode())
	}
	for _, part := range []string{"This is a Mortise plugin", "plugins folder", "mortise plugin attach", "MORTISE_SOCKET"} {
		if !strings.Contains(string(output), part) {
			t.Errorf("no %q in %s", part, output)
		}
	}
}

func TestNoServer(t *testing.T) {
	command := exec.Command(filepath.Join(built, "poller"))
	command.Env = []string{"MORTISE_SOCKET=" + filepath.Join(t.TempDir(), "none"), "MORTISE_SECRET=1"}
	output, _ := command.CombinedOutput()
	if command.ProcessState.ExitCode() != 1 || !strings.Contains(string(output), "cannot be reached") {
		t.Errorf("%d: %s", command.ProcessState.ExitCode(), output)
	}
}

func TestHandshake(t *testing.T) {
	h := spawn(t, "poller")
	if h.hello.Type != "hello" || h.hello.Protocol != "mortise-native" || h.hello.Secret != secret ||
		h.hello.Versions[0] != 1 || h.hello.Contracts[0] != "0.2.0" || !reflect.DeepEqual(h.hello.Codecs, []string{"msgpack", "json"}) ||
		h.hello.Features[0] != "webhook-stream" || h.hello.MaxFrame != 33554432 {
		t.Errorf("%+v", h.hello)
	}
}

// A server starts a plugin with its connection open.
func TestDescriptor(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	own, other := os.NewFile(uintptr(pair[0]), "own"), os.NewFile(uintptr(pair[1]), "other")
	command := exec.Command(filepath.Join(built, "poller"))
	command.Env = []string{"MORTISE_SOCKET=fd:3", "MORTISE_SECRET=" + secret}
	command.ExtraFiles = []*os.File{other}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	other.Close()
	defer func() {
		own.Close()
		_ = command.Wait()
	}()
	content, err := readFrame(own, handshakeFrame)
	if err != nil || !strings.Contains(string(content), secret) {
		t.Errorf("%v: %s", err, content)
	}
}

func TestHandshakesThatEndIt(t *testing.T) {
	welcome := params{"type": "welcome", "protocol": "mortise-native", "version": 1, "contract": "0.2.0",
		"codec": "json", "max_frame": 65536, "max_calls": 1}
	with := func(name string, value any) params {
		changed := params{name: value}
		for field, value := range welcome {
			if field != name {
				changed[field] = value
			}
		}
		return changed
	}
	for _, test := range []struct {
		answer params
		says   string
	}{
		{params{"type": "reject", "text": "the secret is wrong; start it anew"}, "the secret is wrong; start it anew"},
		{with("protocol", "http"), "no Mortise server"},
		{with("codec", "xml"), "did not offer"},
		{with("version", 2), "did not offer"},
		{with("max_frame", 1), "out of bounds"},
	} {
		h := spawn(t, "poller")
		h.write(test.answer)
		if status := h.exit(); status != 1 || !strings.Contains(h.stderr.String(), test.says) {
			t.Errorf("%v: %d, %s", test.answer, status, h.stderr.String())
		}
	}
}

func TestEndsByRequest(t *testing.T) {
	h := start(t, "poller")
	h.enable(1, "ann")
	h.must(nil, "process.shutdown", 0, nil)
	if status := h.exit(); status != 0 {
		t.Errorf("exit status %d: %s", status, h.stderr.String())
	}
}

func TestEndsWithTheServer(t *testing.T) {
	h := start(t, "signals")
	h.enable(1, "ann")
	// It catches the signal and does not end by it.
	if err := h.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	h.eventually("the signal arrives", func() bool { return strings.Contains(h.stderr.String(), "caught terminated") })
	h.must(nil, "health.ping", 0, nil)
	h.raw.Close()
	if status := h.exit(); status != 1 || !strings.Contains(h.stderr.String(), "ended the connection") {
		t.Errorf("exit status %d: %s", status, h.stderr.String())
	}
	for _, line := range []string{"made for ann\n", `{"type":"reply"`, "a line without an end"} {
		if !strings.Contains(h.stdout.String(), line) {
			t.Errorf("no %q in %s", line, h.stdout.String())
		}
	}
}

func TestTheSecretIsNotInherited(t *testing.T) {
	t.Setenv(socketVariable, filepath.Join(t.TempDir(), "none"))
	t.Setenv(secretVariable, secret)
	var stderr lockedBuffer
	if status := run(nil, nil, nil, &stderr); status != 1 {
		t.Errorf("exit status %d", status)
	}
	if _, there := syscall.Getenv(secretVariable); there {
		t.Error("the secret is still in the environment")
	}
}

func TestProtocolViolationsEndIt(t *testing.T) {
	open := `{"type":"call","id":1,"method":"webhook.handle","instance":1,"params":{"request":{"method":"GET","path":"slow","body":"","scheme":"http","base_path":"/plugin/1/custom/Pxyz1/"}}}`
	for _, test := range []struct {
		frames []string
		says   string
	}{
		{[]string{""}, "an empty frame"},
		{[]string{"not json"}, "not a message"},
		{[]string{"[]"}, "not a message"},
		{[]string{"{}"}, "not a message"},
		{[]string{`{"type":"call","id":1}`}, "without a valid method"},
		{[]string{`{"type":"call","method":"health.ping"}`}, "without a valid id"},
		{[]string{`{"type":"call","id":-1,"method":"health.ping"}`}, "not a message"},
		{[]string{`{"type":"call","id":9007199254740992,"method":"health.ping"}`}, "without a valid id"},
		{[]string{`{"type":"error","id":1}`}, "without a valid error"},
		{[]string{open, open}, "still open"},
	} {
		h := startIn(t, "json", "webhook")
		h.create(1, "ann")
		for _, frame := range test.frames {
			content := binary.BigEndian.AppendUint32(nil, uint32(len(frame)))
			_, _ = h.raw.Write(append(content, frame...))
		}
		if status := h.exit(); status != 1 || !strings.Contains(h.stderr.String(), test.says) {
			t.Errorf("%q: %d, %s", test.frames, status, h.stderr.String())
		}
	}
	for _, frame := range []string{"{}", "\x90", "\xa4call", "\xc1", "\x81\xa4type", "\x80\x80"} {
		h := startIn(t, "msgpack", "webhook")
		h.create(1, "ann")
		content := binary.BigEndian.AppendUint32(nil, uint32(len(frame)))
		_, _ = h.raw.Write(append(content, frame...))
		if status := h.exit(); status != 1 || !strings.Contains(h.stderr.String(), "not a message") {
			t.Errorf("%q: %d, %s", frame, status, h.stderr.String())
		}
	}
	h := start(t, "poller")
	_, _ = h.raw.Write([]byte{0xff, 0xff, 0xff, 0xff})
	if h.exit() != 1 || !strings.Contains(h.stderr.String(), "a frame of 4294967295 bytes") {
		t.Error(h.stderr.String())
	}
}

func TestWhatIsUnknown(t *testing.T) {
	h := start(t, "poller")
	h.write(params{"type": "hum", "id": 1})
	h.write(params{"type": "notify", "method": "new.thing"})
	h.write(params{"type": "reply", "id": 99, "result": nil})
	h.write(params{"type": "cancel", "id": 99})
	if why := h.fails("new.thing", 0, nil); why.Kind != "unknown_method" {
		t.Error(why)
	}
	if why := h.fails("lifecycle.stop", 7, params{"reason": "disabled"}); why.Kind != "unknown_instance" {
		t.Error(why)
	}
	if why := h.fails("instance.drop", 0, params{"instance": 7}); why.Kind != "unknown_instance" {
		t.Error(why)
	}
	for method, wrong := range map[string][]params{
		"instance.create": {nil, {"instance": 1}, {"user": User{}}, {"instance": "one", "user": User{}}},
		"instance.drop":   {nil, {"instance": -1}},
		"lifecycle.start": {nil},
	} {
		for _, params := range wrong {
			if why := h.fails(method, 0, params); why.Kind != "invalid" {
				t.Errorf("%s %v: %v", method, params, why)
			}
		}
	}
	h.create(1, "ann")
	if why := h.fails("instance.create", 0, params{"instance": 1, "user": User{}}); why.Kind != "invalid" {
		t.Error(why)
	}
	for _, method := range []string{"displayer.display", "webhook.handle", "filter.filter", "configurer.apply"} {
		if why := h.fails(method, 1, nil); why.Kind != "unknown_method" {
			t.Errorf("%s: %v", method, why)
		}
	}
	h.must(nil, "health.ping", 0, params{"news": 1})
}
