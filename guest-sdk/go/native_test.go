//go:build !wasip1

package mortise

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"
)

// same tells whether a value's JSON is this one.
func same(t *testing.T, value any, text string) bool {
	t.Helper()
	written, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var found, expected any
	if err := errors.Join(json.Unmarshal(written, &found), json.Unmarshal([]byte(text), &expected)); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(found, expected)
}

func TestDeliveriesRoundTrip(t *testing.T) {
	for text, expected := range map[string]Delivery{
		`{"user":"ann","outcome":{"ok":7}}`:                    {User: "ann", ID: 7},
		`{"user":"ann","outcome":{"ok":0}}`:                    {User: "ann"},
		`{"user":"bob","outcome":{"err":{"denied":"no one"}}}`: {User: "bob", Err: &Error{Denied, "no one"}},
	} {
		var delivery Delivery
		if err := json.Unmarshal([]byte(text), &delivery); err != nil || !reflect.DeepEqual(delivery, expected) {
			t.Errorf("%s becomes %+v, %v", text, delivery, err)
		}
		if !same(t, delivery, text) {
			t.Errorf("%s comes back as something else", text)
		}
	}
	if err := json.Unmarshal([]byte(`{"user":"ann","outcome":{}}`), new(Delivery)); err == nil {
		t.Error("a delivery without an outcome was taken")
	}
}

func TestTimerOptionsAsData(t *testing.T) {
	for text, options := range map[string]TimerOptions{
		`{"jitter_ms":0,"missed":"once"}`:                            {},
		`{"zone":"Europe/Berlin","jitter_ms":60000,"missed":"skip"}`: {"Europe/Berlin", time.Minute, MissedSkip},
	} {
		if !same(t, options.data(), text) {
			t.Errorf("%+v is not %s", options, text)
		}
	}
}

func TestTheDescriptionOfAPlugin(t *testing.T) {
	defer func(before Manifest) { exported.manifest, exported.create = before, nil }(exported.manifest)
	lowest := int32(5)
	for listens, text := range map[*Interests]string{
		nil: ``,
		{}:  `,"listens":{"applications":[],"min_priority":null}`,
		{Applications: []string{"backup"}, MinPriority: &lowest}: `,"listens":{"applications":["backup"],"min_priority":5}`,
	} {
		wants := []Want{WantSendToUsers("because", "ann")}
		Export(Manifest{ID: "a.b", Wants: wants, Listens: listens}, func(*Host) any { return nil })
		description, err := native{}.describe()
		if err != nil {
			t.Fatal(err)
		}
		expected := `{"id":"a.b","name":"","version":"","description":"","author":"","license":"","website":"",
			"wants":[{"permission":{"send_to_users":["ann"]},"reason":"because"}]` + text + `}`
		if !same(t, description, expected) {
			t.Errorf("%+v is not %s", description, expected)
		}
	}
}
