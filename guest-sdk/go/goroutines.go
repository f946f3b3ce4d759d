//go:build wasip1

package mortise

import (
	"fmt"
	"runtime"
)

// The goroutines that are there without the plugin's, and whether the plugin
// was told of its own.
var (
	ownGoroutines int
	toldOfLeft    bool
)

// called is deferred by each call: it tells, once, of goroutines that are left,
// for nothing runs them until the next call.
func called(name string) func() {
	if ownGoroutines == 0 {
		ownGoroutines = runtime.NumGoroutine()
	}
	return func() {
		// Those that have nothing more to wait for end first.
		for range 3 {
			runtime.Gosched()
		}
		left := runtime.NumGoroutine() - ownGoroutines
		if left <= 0 || toldOfLeft {
			return
		}
		toldOfLeft = true
		printLeveled(LevelWarn, fmt.Sprintf(
			"%s returned with %d goroutine(s) left: a component runs them only while a call does; wait for them, or use Host.SetTimer and OnTimer for work on time",
			name, left))
	}
}
