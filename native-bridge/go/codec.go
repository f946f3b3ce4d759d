package mortise

import (
	"encoding/json"
	"fmt"
	"sync"

	msgpack "github.com/ugorji/go/codec"
)

// codec is how the values in frames are written, as was agreed in the greeting.
type codec interface {
	encode(value any) ([]byte, error)
	decode(content []byte, into any) error
	// decodeMessage may leave parts of the content in the message.
	decodeMessage(content []byte, into *message) error
}

// codecs are those that this side offers, by their names; codecNames has them
// best first.
var (
	codecs     = map[string]codec{"msgpack": newMsgpack(), "json": jsonCodec{}}
	codecNames = []string{"msgpack", "json"}
)

// jsonCodec is the codec that every side has, and that of the greeting.
type jsonCodec struct{}

func (jsonCodec) encode(value any) ([]byte, error)      { return json.Marshal(value) }
func (jsonCodec) decode(content []byte, into any) error { return json.Unmarshal(content, into) }
func (jsonCodec) decodeMessage(content []byte, into *message) error {
	return json.Unmarshal(content, into)
}

// msgpackCodec writes the same objects as JSON, by the same tags, in a quarter
// of the time.
type msgpackCodec struct{ encoders, decoders, messages sync.Pool }

func newMsgpack() *msgpackCodec {
	newHandle := func(zeroCopy bool) *msgpack.MsgpackHandle {
		handle := new(msgpack.MsgpackHandle)
		// Text and bytes are told apart, as the protocol has it.
		handle.WriteExt = true
		// What is kept undecoded may be sent.
		handle.Raw = true
		// The protocol's values are less deep than this.
		handle.MaxDepth = 64
		handle.ZeroCopy = zeroCopy
		return handle
	}
	// A plugin may keep a value for long, which must not keep a whole frame.
	values, messages := newHandle(false), newHandle(true)
	return &msgpackCodec{
		encoders: sync.Pool{New: func() any { return msgpack.NewEncoderBytes(nil, values) }},
		decoders: sync.Pool{New: func() any { return msgpack.NewDecoderBytes(nil, values) }},
		messages: sync.Pool{New: func() any { return msgpack.NewDecoderBytes(nil, messages) }},
	}
}

func (c *msgpackCodec) encode(value any) (content []byte, err error) {
	encoder := c.encoders.Get().(*msgpack.Encoder)
	defer c.encoders.Put(encoder)
	encoder.ResetBytes(&content)
	err = encoder.Encode(value)
	return content, err
}

func (c *msgpackCodec) decode(content []byte, into any) error {
	if len(content) == 0 {
		return nil // A null that was kept as raw.
	}
	return decodeFrom(&c.decoders, content, into)
}

func (c *msgpackCodec) decodeMessage(content []byte, into *message) error {
	return decodeFrom(&c.messages, content, into)
}

func decodeFrom(decoders *sync.Pool, content []byte, into any) error {
	decoder := decoders.Get().(*msgpack.Decoder)
	defer decoders.Put(decoder)
	decoder.ResetBytes(content)
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if read := decoder.NumBytesRead(); read != len(content) {
		return fmt.Errorf("%d bytes after the value", len(content)-read)
	}
	return nil
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

// CodecEncodeSelf writes it as it is.
func (r raw) CodecEncodeSelf(encoder *msgpack.Encoder) { encoder.MustEncode(msgpack.Raw(r)) }

// CodecDecodeSelf keeps the bytes.
func (r *raw) CodecDecodeSelf(decoder *msgpack.Decoder) {
	var value msgpack.Raw
	decoder.MustDecode(&value)
	*r = raw(value)
}

// A variant of the contract travels as its case's name alone if that carries
// nothing, and otherwise as an object with one field of that name.
// Each has a method wire that returns that, and this one to take it.
type fromWire interface {
	fromWire(name string, payload func(into any) error) error
}

func decodeVariant(c codec, data []byte, into fromWire) error {
	var name string
	if c.decode(data, &name) == nil {
		return into.fromWire(name, func(any) error {
			return fmt.Errorf("the case %q carries nothing", name)
		})
	}
	var object map[string]raw
	if err := c.decode(data, &object); err != nil || len(object) != 1 {
		return fmt.Errorf("%.80q is neither a case's name nor an object with one field", data)
	}
	for name, payload := range object {
		return into.fromWire(name, func(into any) error { return c.decode(payload, into) })
	}
	return nil
}

func variantFromJSON(text []byte, into fromWire) error {
	return decodeVariant(codecs["json"], text, into)
}

func variantFromMsgpack(decoder *msgpack.Decoder, into fromWire) {
	var value msgpack.Raw
	decoder.MustDecode(&value)
	if err := decodeVariant(codecs["msgpack"], value, into); err != nil {
		// The decoder gives it back as its error.
		panic(err)
	}
}
