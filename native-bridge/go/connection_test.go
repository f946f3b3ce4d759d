package mortise

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// connected is a connection to nobody but the test, with the least bounds.
func connected(t *testing.T) (*connection, net.Conn) {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { theirs.Close() })
	c := newConnection(ours, welcome{Codec: "json", MaxFrame: handshakeFrame, MaxCalls: 1})
	t.Cleanup(c.end)
	return c, theirs
}

func TestMessagesThatAreTooLong(t *testing.T) {
	c, theirs := connected(t)
	long := strings.Repeat("x", handshakeFrame)
	err := c.ask("storage.set", 1, params{"value": long}, nil)
	var why *Error
	if !errors.As(err, &why) || why.Kind != Invalid || !strings.Contains(why.Text, "more than the 65536 that the server takes") {
		t.Error(err)
	}
	for result, expected := range map[any]string{
		long:           "crashed: the answer of displayer.display cannot be sent: a message of 655",
		make(chan int): "crashed: the answer of displayer.display cannot be sent: json: unsupported type",
	} {
		id, method := uint64(7), "displayer.display"
		opened := make(chan *call, 1)
		if err := c.take(&message{ID: &id, Method: &method}, func(open *call) { opened <- open }); err != nil {
			t.Fatal(err)
		}
		go (<-opened).reply(result)
		content, err := readFrame(theirs, handshakeFrame)
		if err != nil {
			t.Fatal(err)
		}
		var answer message
		if err := json.Unmarshal(content, &answer); err != nil || answer.Error == nil || !strings.HasPrefix(answer.Error.Error(), expected) {
			t.Errorf("%s", content)
		}
	}
	go (&call{id: 8, connection: c, cancel: func() {}}).sendFailure(failure{Kind: kindCrashed, Text: "panic: x", Details: long})
	content, err := readFrame(theirs, handshakeFrame)
	if err != nil || string(content) != `{"type":"error","id":8,"error":{"kind":"crashed","text":"panic: x"}}` {
		t.Errorf("%.200s, %v", content, err)
	}
}

func TestCallsAfterTheEnd(t *testing.T) {
	c, _ := connected(t)
	c.end()
	if err := c.ask("storage.get", 1, nil, nil); err == nil || !strings.Contains(err.Error(), "ended the connection") {
		t.Error(err)
	}
}

func TestFrames(t *testing.T) {
	var sent []byte
	for _, text := range []string{"a", strings.Repeat("é", 40000)} {
		frame, err := appendFrame(nil, maxFrame, jsonCodec{}, text)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, frame...)
	}
	// In pieces of any size.
	stream := iotest.OneByteReader(bytes.NewReader(sent))
	for _, expected := range []int{3, 80002} {
		content, err := readFrame(stream, maxFrame)
		if err != nil || len(content) != expected {
			t.Errorf("%d bytes, %v", len(content), err)
		}
	}
	if _, err := readFrame(stream, maxFrame); err != io.EOF {
		t.Error(err)
	}
	for _, cut := range []int{2, 6} {
		_, err := readFrame(bytes.NewReader(sent[:cut]), maxFrame)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d: %v", cut, err)
		}
	}
	var broken violation
	for _, head := range [][]byte{{0, 0, 0, 0}, {0, 0, 1, 1}} {
		if _, err := readFrame(bytes.NewReader(head), 256); !errors.As(err, &broken) {
			t.Error(fmt.Sprint(head), err)
		}
	}
}
