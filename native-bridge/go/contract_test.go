package mortise

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	plugin "github.com/gotify/plugin-api"
)

// The types of the golden files, by the names of the files.
var golden = map[string]func() any{
	"user":             func() any { return new(User) },
	"content":          func() any { return new(Content) },
	"application":      func() any { return new(Application) },
	"draft":            func() any { return new(Draft) },
	"message":          func() any { return new(Message) },
	"outgoing":         func() any { return new(Outgoing) },
	"verdict":          func() any { return new(Verdict) },
	"schedule":         func() any { return new(Schedule) },
	"missed_runs":      func() any { return new(MissedRuns) },
	"timer_options":    func() any { return new(TimerOptions) },
	"delivery":         func() any { return new(Delivery) },
	"level":            func() any { return new(Level) },
	"directory":        func() any { return new(Directory) },
	"permission":       func() any { return new(Permission) },
	"request":          func() any { return new(Request) },
	"interests":        func() any { return new(Interests) },
	"manifest":         func() any { return new(Manifest) },
	"stop_reason":      func() any { return new(StopReason) },
	"problem":          func() any { return new(Problem) },
	"header":           func() any { return new(Header) },
	"webhook_request":  func() any { return new(WebhookRequest) },
	"webhook_response": func() any { return new(WebhookResponse) },
	"error":            func() any { return new(Error) },
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	decode := func(text []byte) (value any) {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("%s in %s", err, text)
		}
		return value
	}
	return reflect.DeepEqual(decode(a), decode(b))
}

func roundTrip(t *testing.T, name string, text []byte) {
	t.Helper()
	value := golden[name]()
	if err := json.Unmarshal(text, value); err != nil {
		t.Errorf("%s: %s in %s", name, err, text)
		return
	}
	again, err := json.Marshal(value)
	if err != nil {
		t.Errorf("%s: %s", name, err)
	} else if !sameJSON(t, text, again) {
		t.Errorf("%s: %s\ncomes back as\n%s", name, text, again)
	}
	// MessagePack carries the same.
	packed, err := codecs["msgpack"].encode(value)
	other := golden[name]()
	if err == nil {
		err = codecs["msgpack"].decode(packed, other)
	}
	if err != nil || !reflect.DeepEqual(value, other) {
		t.Errorf("%s: %+v\ncomes back through MessagePack as\n%+v, %v", name, value, other, err)
	}
}

func TestValuesRoundTrip(t *testing.T) {
	for name, texts := range map[string][]string{
		"verdict":    {`"keep"`, `{"drop":"spam"}`, `{"replace":{"title":"","body":"b","priority":-1,"extras":"{}"}}`},
		"schedule":   {`{"every_ms":1000}`, `{"cron":"0 4 * * *"}`, `{"once_at_ms":1}`},
		"permission": {`"send_messages"`, `{"read_messages":["*"]}`, `"filter_messages"`, `"webhook"`, `{"cookies":["a"]}`, `{"http":["*:*"]}`, `{"files":[{"path":"/srv","writable":false}]}`, `{"environment":["TZ"]}`, `"timers"`, `{"send_to_users":["*"]}`},
		"error":      {`{"denied":"d"}`, `{"invalid":"i"}`, `{"exhausted":"e"}`, `{"unavailable":"u"}`},
		"outgoing":   {`{"application":null,"content":{"title":"t","body":"b","priority":4,"extras":null}}`},
	} {
		for _, text := range texts {
			roundTrip(t, name, []byte(text))
		}
	}
	for name, text := range map[string]string{
		"verdict": `"maybe"`, "schedule": `{"every_ms":1,"cron":""}`, "permission": `{"root":[]}`, "error": `{"odd":""}`,
	} {
		if err := json.Unmarshal([]byte(text), golden[name]()); err == nil {
			t.Errorf("%s: %s was taken", name, text)
		}
	}
	if !reflect.DeepEqual(Every(time.Minute), Schedule{kind: "every_ms", ms: 60000}) || Once(time.UnixMilli(5)).ms != 5 {
		t.Error("schedules are milliseconds")
	}
}

func TestManifestsOfAllKinds(t *testing.T) {
	for given, expected := range map[string]string{
		"": "0.0.0", "1": "1.0.0", "v1.2": "1.2.0", "1.2.3": "1.2.3", "v2.0.0-rc.1": "2.0.0-rc.1", "1.2-beta": "1.2.0-beta",
		"dev": "0.0.0+dev", "2024.01.02.3": "0.0.0+2024.01.02.3", "git describe!": "0.0.0+git-describe",
	} {
		if version := versionOf(given); version != expected {
			t.Errorf("%q becomes %q, not %q", given, version, expected)
		}
	}
	manifest, err := manifestOf(plugin.Info{ModulePath: "git.example.org/~ann/Odd+One", Name: "Two\nlines " + strings.Repeat("é", 80), Website: "javascript:alert(1)"}, nil)
	if err != nil || manifest.ID != "git.example.org/-ann/odd-one" || len([]rune(manifest.Name)) != 64 || strings.Contains(manifest.Name, "\n") || manifest.Website != "" {
		t.Errorf("%+v, %v", manifest, err)
	}
	if manifest, _ := manifestOf(plugin.Info{ModulePath: "example.org/x"}, nil); manifest.Name != "example.org/x" {
		t.Errorf("%+v", manifest)
	}
	// A test has the module that it tests.
	if manifest, err := manifestOf(plugin.Info{}, nil); err != nil || manifest.ID != "github.com/mortise-plugins/mortise/native-bridge/go" {
		t.Errorf("%+v, %v", manifest, err)
	}
	for _, path := range []string{strings.Repeat("a", 129)} {
		if _, err := manifestOf(plugin.Info{ModulePath: path}, nil); err == nil || !strings.Contains(err.Error(), "ModulePath") {
			t.Error(err)
		}
	}
}

// configurer returns a default of any kind.
type configurer struct {
	plugin.Configurer
	defaults any
}

func (c configurer) DefaultConfig() any { return c.defaults }

func TestConfigurationsOfAllKinds(t *testing.T) {
	type value struct{ A, B int }
	for _, test := range []struct {
		defaults, expected any
		text               string
	}{
		{&value{1, 2}, &value{1, 3}, "b: 3"},
		{value{1, 2}, value{1, 3}, "b: 3"},
		{map[string]int{"a": 1}, map[string]int{"a": 1, "b": 3}, "b: 3"},
		{(*value)(nil), &value{0, 3}, "b: 3"},
		{[]int{1}, []int{4, 5}, "[4, 5]"},
		{nil, nil, "b: 3"},
		{&value{1, 2}, &value{1, 2}, "# nothing"},
	} {
		config, err := decodeConfig(configurer{defaults: test.defaults}, test.text)
		if err != nil || !reflect.DeepEqual(config, test.expected) {
			t.Errorf("%#v: %#v, %v", test.defaults, config, err)
		}
	}
	if _, err := decodeConfig(configurer{}, "a: [1"); err == nil {
		t.Error("bad YAML was taken")
	}
	_, err := decodeConfig(configurer{defaults: value{}}, "a: x\nb: y")
	if problems := problemsOf(err); len(problems) != 2 || !strings.HasPrefix(problems[1].Text, "line 2: cannot unmarshal") {
		t.Errorf("%+v", problemsOf(err))
	}
}

func TestExtrasThatAreNotJSON(t *testing.T) {
	err := messenger{}.send(plugin.Message{Message: "m", Extras: map[string]interface{}{"n": math.NaN()}})
	if err == nil || !strings.Contains(err.Error(), "invalid: the extras are not JSON") {
		t.Error(err)
	}
}

func TestGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("../../tests/golden/*.json")
	if err != nil || len(files) == 0 {
		t.Skip("there are no golden files beside this module")
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		var values []json.RawMessage
		if err := json.Unmarshal(text, &values); err != nil || len(values) == 0 {
			t.Fatalf("%s has no array of values: %v", file, err)
		}
		for _, value := range values {
			roundTrip(t, name, value)
		}
	}
}
