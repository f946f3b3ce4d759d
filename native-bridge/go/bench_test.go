package mortise

import "testing"

// A call that the reader answers, and one through gin and back: what the
// bridge costs a plugin, with the host of these tests on the other side.
func BenchmarkPing(b *testing.B) {
	h := start(b, "webhook")
	for range b.N {
		h.must(nil, "health.ping", 0, nil)
	}
}

func BenchmarkWebhook(b *testing.B) {
	h := start(b, "webhook")
	h.create(1, "ann")
	body := string(make([]byte, 1024))
	b.ResetTimer()
	for range b.N {
		h.webhook(1, "POST", "raw", body)
	}
}
