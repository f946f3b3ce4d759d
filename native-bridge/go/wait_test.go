package mortise

import "time"

// eventually waits until something holds. No other code of the tests sleeps.
func (h *testHost) eventually(what string, holds func() bool) {
	h.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("never: %s; stderr: %s", what, h.stderr.String())
		}
	}
}
