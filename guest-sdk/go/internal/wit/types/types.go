// Package types has what the generated bindings express WIT's options, results
// and tuples with.
package types

// Unit is the value of a result that has none.
type Unit struct{}

// The tags of an [Option].
const (
	OptionNone = 0
	OptionSome = 1
)

// Option is a value or none.
type Option[T any] struct {
	value T
	some  bool
}

// None is no value.
func None[T any]() Option[T] { return Option[T]{} }

// Some is a value.
func Some[T any](value T) Option[T] { return Option[T]{value, true} }

// Tag is which of the two it is.
func (o Option[T]) Tag() uint8 {
	if o.some {
		return OptionSome
	}
	return OptionNone
}

// Some returns the value, the zero value if there is none.
func (o Option[T]) Some() T { return o.value }

// Pointer returns a pointer to the value, nil if there is none.
func (o Option[T]) Pointer() *T {
	if !o.some {
		return nil
	}
	return &o.value
}

// FromPointer is the value pointed to, none for nil.
func FromPointer[T any](value *T) Option[T] {
	if value == nil {
		return None[T]()
	}
	return Some(*value)
}

// The tags of a [Result].
const (
	ResultOk  = 0
	ResultErr = 1
)

// Result is a value or an error.
type Result[T, E any] struct {
	ok     T
	err    E
	failed bool
}

// Ok is a value.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{ok: value} }

// Err is an error.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{err: err, failed: true} }

// Tag is which of the two it is.
func (r Result[T, E]) Tag() uint8 {
	if r.failed {
		return ResultErr
	}
	return ResultOk
}

// Ok returns the value, the zero value if there is an error.
func (r Result[T, E]) Ok() T { return r.ok }

// Err returns the error, the zero value if there is none.
func (r Result[T, E]) Err() E { return r.err }

// IsErr tells whether there is an error.
func (r Result[T, E]) IsErr() bool { return r.failed }

// Tuple2 is two values.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}
