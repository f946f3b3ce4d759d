package mortise

import (
	"fmt"
	"sync"

	msgpack "github.com/ugorji/go/codec"
)

func init() {
	codecs["msgpack"] = newMsgpack()
	codecNames = append([]string{"msgpack"}, codecNames...)
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

// CodecEncodeSelf writes it as it is.
func (r raw) CodecEncodeSelf(encoder *msgpack.Encoder) { encoder.MustEncode(msgpack.Raw(r)) }

// CodecDecodeSelf keeps the bytes.
func (r *raw) CodecDecodeSelf(decoder *msgpack.Decoder) {
	var value msgpack.Raw
	decoder.MustDecode(&value)
	*r = raw(value)
}
