//go:build !wasip1

package mortise

import "encoding/json"

// codec is how the values in frames are written, as was agreed in the handshake.
type codec interface {
	encode(value any) ([]byte, error)
	decode(content []byte, into any) error
	// decodeMessage may leave parts of the content in the message.
	decodeMessage(content []byte, into *message) error
}

// codecs are those that this side offers, by their names; codecNames has them
// best first. A package that has another adds it.
var (
	codecs     = map[string]codec{"json": jsonCodec{}}
	codecNames = []string{"json"}
)

// jsonCodec is the codec that every side has, and that of the handshake.
type jsonCodec struct{}

func (jsonCodec) encode(value any) ([]byte, error)      { return json.Marshal(value) }
func (jsonCodec) decode(content []byte, into any) error { return json.Unmarshal(content, into) }
func (jsonCodec) decodeMessage(content []byte, into *message) error {
	return json.Unmarshal(content, into)
}

// raw is a value in the connection's codec that is decoded later, once it is
// known what it should be.
type raw []byte

// MarshalJSON writes it as it is.
func (r raw) MarshalJSON() ([]byte, error) { return r, nil }

// UnmarshalJSON keeps the text.
func (r *raw) UnmarshalJSON(text []byte) error {
	*r = append(raw{}, text...)
	return nil
}
