package mortise

import (
	"fmt"

	msgpack "github.com/ugorji/go/codec"
)

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
