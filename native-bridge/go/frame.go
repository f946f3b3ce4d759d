//go:build !wasip1

package mortise

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// The longest frame of the handshake, in bytes.
	handshakeFrame = 64 << 10
	// The longest frame this side takes: every webhook fits.
	maxFrame = 32 << 20
	// The most that a server may announce.
	mostMaxFrame = 256 << 20
)

// violation is how the other side broke the protocol.
type violation string

func (v violation) Error() string { return string(v) }

// readFrame reads a length and that many bytes, refusing the length before any
// memory is reserved for it. An error that is no violation means that the
// connection ended; it is io.EOF only between two frames.
func readFrame(from io.Reader, limit int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length == 0 {
		return nil, violation("an empty frame")
	}
	if uint64(length) > uint64(limit) {
		return nil, violation(fmt.Sprintf("a frame of %d bytes, more than the %d that this side takes", length, limit))
	}
	content := make([]byte, length)
	if _, err := io.ReadFull(from, content); err != nil {
		return nil, fmt.Errorf("the connection ended inside a frame of %d bytes: %w", length, io.ErrUnexpectedEOF)
	}
	return content, nil
}

// tooLong is the error of a message that the other side would not take.
type tooLong struct{ length, limit int }

func (e tooLong) Error() string {
	return fmt.Sprintf("a message of %d bytes, more than the %d that the server takes", e.length, e.limit)
}

// appendFrame encodes a message and puts its length before it.
func appendFrame(buffer []byte, limit int, codec codec, message any) ([]byte, error) {
	content, err := codec.encode(message)
	if err != nil {
		return nil, err
	}
	if len(content) > limit {
		return nil, tooLong{len(content), limit}
	}
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(content)))
	return append(buffer, content...), nil
}
