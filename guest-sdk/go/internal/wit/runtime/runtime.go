// Package runtime has what the generated bindings need of memory and of
// resources, and the function by which the host asks for memory.
package runtime

import (
	"runtime"
	"unsafe"
)

// Handle is a resource of the host; zero once it was given away or dropped.
type Handle struct{ value int32 }

// MakeHandle keeps a resource that the host gave.
func MakeHandle(value int32) *Handle { return &Handle{value} }

// Use returns the resource, which must be there.
func (h *Handle) Use() int32 {
	if h.value == 0 {
		panic("mortise: a resource was used after it was dropped")
	}
	return h.value
}

// Take returns the resource, which must be there, and forgets it.
func (h *Handle) Take() int32 {
	value := h.Use()
	h.value = 0
	return value
}

// TakeOrNil returns the resource if it is there, and forgets it.
func (h *Handle) TakeOrNil() int32 {
	value := h.value
	h.value = 0
	return value
}

// Set gives an empty handle a resource.
func (h *Handle) Set(value int32) { h.value = value }

// Allocate returns memory that stays where it is until the pinner lets go.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	pointer := allocate(size, align)
	if pointer != nil {
		pinner.Pin(pointer)
	}
	return pointer
}

// allocate returns zeroed memory without pointers.
func allocate(size, align uintptr) unsafe.Pointer {
	switch {
	case size == 0:
		return nil
	case align <= 1:
		return unsafe.Pointer(unsafe.SliceData(make([]byte, size)))
	default:
		return unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	}
}

// held keeps what the host was given until the bindings have it: Go's
// collector knows of no references from outside.
var held []unsafe.Pointer

// Unpin lets go of what the host was given. To be called when all of it was
// read: before an export's own code, and after an import has returned.
func Unpin() {
	clear(held)
	held = held[:0]
}
