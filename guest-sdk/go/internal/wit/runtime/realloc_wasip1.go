package runtime

import "unsafe"

// Go's runtime calls WASI while it starts, and the adapter that answers asks
// for memory of its own then: it gets this, once.
var (
	early     [1 << 17]byte
	earlyUsed uintptr
	started   bool
)

func init() { started = true }

// While the host asks for memory, a component may call nothing of the host's.
// Go's collector looks at the clock when it starts, and lets other goroutines
// run. A goroutine that is pinned to its thread starts no collection and is not
// interrupted; that the heap may look at the clock when it grows is seen to by
// the adapter, which answers with the time it told last.

//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()

//go:wasmimport wasi_snapshot_preview1 adapter_monotonic_clock_set_paused
func pauseClock(paused bool)

//go:wasmexport cabi_realloc
//go:nosplit
func cabiRealloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if !started {
		return allocateEarly(align, size)
	}
	return allocateHeld(old, oldSize, align, size)
}

// Must do without a stack that can grow: there is no runtime yet.
//
//go:nosplit
func allocateEarly(align, size uintptr) unsafe.Pointer {
	base := uintptr(unsafe.Pointer(&early))
	begin := (base+earlyUsed+align-1)&^(align-1) - base
	if begin+size > uintptr(len(early)) {
		return nil
	}
	earlyUsed = begin + size
	return unsafe.Add(unsafe.Pointer(&early), begin)
}

func allocateHeld(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	pauseClock(true)
	procPin()
	pointer := allocate(size, align)
	if pointer != nil {
		held = append(held, pointer)
		if oldSize > 0 {
			copy(unsafe.Slice((*byte)(pointer), size), unsafe.Slice((*byte)(old), oldSize))
		}
	}
	procUnpin()
	pauseClock(false)
	return pointer
}
