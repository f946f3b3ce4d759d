//go:build !wasip1

package mortise

import (
	"fmt"
	"strings"
)

// The longest text of a failure that is shortened, and of a manifest's field.
const longestText = 4096

// The kinds of failures that are not an [ErrorKind].
const (
	kindRefused         = "refused"
	kindProblems        = "problems"
	kindCrashed         = "crashed"
	kindCancelled       = "cancelled"
	kindInvalid         = "invalid"
	kindUnknownMethod   = "unknown_method"
	kindUnknownInstance = "unknown_instance"
)

// failure is why a call failed, as it travels.
type failure struct {
	Kind     string    `json:"kind"`
	Text     string    `json:"text"`
	Problems []Problem `json:"problems,omitempty"`
	Details  string    `json:"details,omitempty"`
}

// toError is what a failure of the server means: kinds that this version does
// not know count as unavailable.
func (f *failure) toError() *Error {
	switch kind := ErrorKind(f.Kind); kind {
	case Denied, Invalid, Exhausted, Unavailable:
		return &Error{kind, f.Text}
	}
	return &Error{Unavailable, fmt.Sprintf("%s (%s)", f.Text, f.Kind)}
}

// Error lets a failure travel as the error of a method.
func (f *failure) Error() string { return f.Kind + ": " + f.Text }

// firstBytes cuts between characters.
func firstBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
