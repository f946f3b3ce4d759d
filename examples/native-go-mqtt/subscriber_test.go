package main

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// memory is a server in memory, which answers the next messages with these errors.
type memory struct {
	mutex  sync.Mutex
	stored map[string][]byte
	errors []error
	failed chan error
	sent   chan mortise.Content
	logged chan string
}

func newMemory(errors ...error) *memory {
	return &memory{
		stored: map[string][]byte{}, errors: errors, failed: make(chan error, 200),
		sent: make(chan mortise.Content, 200), logged: make(chan string, 200),
	}
}

func (m *memory) Send(message mortise.Outgoing) (uint64, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if len(m.errors) > 0 {
		err := m.errors[0]
		m.errors = m.errors[1:]
		m.failed <- err
		return 0, err
	}
	m.sent <- message.Content
	return 1, nil
}

func (m *memory) GetJSON(key string, value any) error {
	if m.stored[key] == nil {
		return nil
	}
	return json.Unmarshal(m.stored[key], value)
}

func (m *memory) SetJSON(key string, value any) (err error) {
	m.stored[key], err = json.Marshal(value)
	return err
}

func (m *memory) Log(_ mortise.Level, format string, values ...any) {
	m.logged <- fmt.Sprintf(format, values...)
}

// publisher is enough of a broker for a subscriber. Each session publishes what is
// given, and ends if it is told to.
type publisher struct {
	net.Listener
	sessions chan []*packets.PublishPacket
	connects chan *packets.ConnectPacket
	acked    chan uint16
	left     chan []string
}

func publishing(t *testing.T, sessions ...[]*packets.PublishPacket) *publisher {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	p := &publisher{
		listener, make(chan []*packets.PublishPacket, 9), make(chan *packets.ConnectPacket, 9),
		make(chan uint16, 300), make(chan []string, 9),
	}
	for _, session := range sessions {
		p.sessions <- session
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			p.serve(connection)
			connection.Close()
		}
	}()
	return p
}

func (p *publisher) serve(connection net.Conn) {
	for {
		packet, err := packets.ReadPacket(connection)
		if err != nil {
			return
		}
		switch packet := packet.(type) {
		case *packets.ConnectPacket:
			p.connects <- packet
			packets.NewControlPacket(packets.Connack).Write(connection)
		case *packets.SubscribePacket:
			answer := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			answer.MessageID, answer.ReturnCodes = packet.MessageID, packet.Qoss
			answer.Write(connection)
			for _, publication := range <-p.sessions {
				if publication == nil {
					return
				}
				publication.Write(connection)
			}
		case *packets.PubackPacket:
			p.acked <- packet.MessageID
		case *packets.UnsubscribePacket:
			p.left <- packet.Topics
			answer := packets.NewControlPacket(packets.Unsuback).(*packets.UnsubackPacket)
			answer.MessageID = packet.MessageID
			answer.Write(connection)
		}
	}
}

func publication(id uint16, topic, payload string) *packets.PublishPacket {
	packet := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	packet.MessageID, packet.Qos, packet.TopicName, packet.Payload = id, 1, topic, []byte(payload)
	return packet
}

func retained(id uint16, topic, payload string) *packets.PublishPacket {
	packet := publication(id, topic, payload)
	packet.Retain = true
	return packet
}

func subscribed(address string, subscriptions ...Subscription) Settings {
	settings := settings(address)
	settings.Subscribe = subscriptions
	return settings
}

// fast makes the pauses short.
func fast(t *testing.T) {
	before := pauses
	pauses = [2]time.Duration{time.Millisecond, 20 * time.Millisecond}
	t.Cleanup(func() { pauses = before })
}

func next[T any](t *testing.T, from chan T) (value T) {
	t.Helper()
	select {
	case value = <-from:
	case <-time.After(5 * time.Second):
		t.Fatal("nothing came")
	}
	return value
}

func TestPublicationsBecomeMessages(t *testing.T) {
	broker := publishing(t, []*packets.PublishPacket{
		publication(1, "home/kitchen/alarm", "smoke"),
		publication(2, "home/door", `{"sender":"me","id":1}`),
		publication(3, "other", "unwanted"),
		retained(4, "home/door", "old"),
		publication(5, "home/door", "\xff\x00"),
		publication(6, "home/door", ""),
	})
	eight, memory := 8, newMemory()
	subscriber := subscribe(subscribed(broker.Addr().String(),
		Subscription{Topic: "home/+/alarm", Title: "Alarm: {2} ({topic})", Priority: &eight},
		Subscription{Topic: "home/#"}), "me", memory)
	for _, want := range []mortise.Content{
		{Title: "Alarm: kitchen (home/kitchen/alarm)", Body: "smoke", Priority: 8},
		{Title: "home/door", Body: "(2 bytes that are no text) ff00", Priority: 5},
		{Title: "home/door", Body: "(empty)", Priority: 5},
	} {
		if got := next(t, memory.sent); got != want {
			t.Error(got)
		}
	}
	for id := uint16(1); id <= 6; id++ {
		if acked := next(t, broker.acked); acked != id {
			t.Error(acked)
		}
	}
	if connect := next(t, broker.connects); connect.ClientIdentifier != "me" || connect.CleanSession {
		t.Error(connect)
	}
	subscriber.stop(true)
	if left := next(t, broker.left); len(left) != 2 {
		t.Error(left)
	}
}

func TestALostConnectionIsMadeAgain(t *testing.T) {
	fast(t)
	// The broker has the retained publication for each session.
	broker := publishing(t,
		[]*packets.PublishPacket{retained(1, "a", "one"), nil},
		[]*packets.PublishPacket{retained(1, "a", "one"), nil},
		[]*packets.PublishPacket{retained(1, "a", "two"), publication(2, "a", "three")},
	)
	memory := newMemory()
	subscriber := subscribe(subscribed(broker.Addr().String(), Subscription{Topic: "a", Retained: true}), "me", memory)
	last := ""
	for last != "three" {
		got := next(t, memory.sent).Body
		if got == last {
			t.Error(got)
		}
		last = got
	}
	subscriber.stop(false)
	if len(broker.left) > 0 || len(broker.connects) != 3 || len(memory.logged) < 2 {
		t.Error(len(broker.left), len(broker.connects), len(memory.logged))
	}
}

func TestFailuresOfTheServer(t *testing.T) {
	fast(t)
	full, down := &mortise.Error{Kind: mortise.Exhausted}, &mortise.Error{Kind: mortise.Unavailable}
	// The first is skipped after three attempts, the second at once, and the third is
	// sent when the server has room.
	memory := newMemory(down, down, down, &mortise.Error{Kind: mortise.Denied}, full, full, full, full)
	broker := publishing(t, []*packets.PublishPacket{
		publication(1, "a", "one"), publication(2, "a", "two"), publication(3, "a", "three"),
	})
	subscriber := subscribe(subscribed(broker.Addr().String(), Subscription{Topic: "a"}), "me", memory)
	if got := next(t, memory.sent); got.Body != "three" {
		t.Error(got)
	}
	subscriber.stop(false)
	if len(memory.logged) != 2 {
		t.Error(len(memory.logged))
	}
}

func TestAStopDoesNotWaitForTheServer(t *testing.T) {
	memory := newMemory(&mortise.Error{Kind: mortise.Exhausted})
	broker := publishing(t, []*packets.PublishPacket{publication(1, "a", "one")})
	subscriber := subscribe(subscribed(broker.Addr().String(), Subscription{Topic: "a"}), "me", memory)
	next(t, memory.failed)
	begun := time.Now()
	subscriber.stop(false)
	if time.Since(begun) > pauses[0] || len(broker.acked) > 0 {
		t.Error(time.Since(begun), len(broker.acked))
	}
}

func TestTopicsAreMatchedAsByABroker(t *testing.T) {
	for filter, topics := range map[string]struct{ yes, no string }{
		"a/b":    {"a/b", "a /a/b a/b/c a/B"},
		"a/+":    {"a/b a/", "a a/b/c"},
		"a/#":    {"a a/ a/b a/b/c", "b ab"},
		"#":      {"a /a a/b", "$SYS/x"},
		"+/x":    {"a/x /x", "$SYS/x"},
		"$SYS/#": {"$SYS/x", "SYS/x"},
	} {
		if !isFilter(filter) {
			t.Error(filter)
		}
		for _, topic := range strings.Fields(topics.yes) {
			if !(Subscription{Topic: filter}).matches(topic) {
				t.Error(filter, topic)
			}
		}
		for _, topic := range strings.Fields(topics.no) {
			if (Subscription{Topic: filter}).matches(topic) {
				t.Error(filter, topic)
			}
		}
	}
	for _, filter := range []string{"", "a+", "a/#/b", "a#", "$share/g/a", "a\x00"} {
		if isFilter(filter) {
			t.Error(filter)
		}
	}
}

func TestLongPayloadsAreShortened(t *testing.T) {
	if text := textOf([]byte(strings.Repeat("ä", longestPayload))); len(text) > longestPayload || !strings.HasSuffix(text, "…") {
		t.Error(len(text))
	}
	if text := textOf([]byte(strings.Repeat("\xff", 100))); len(text) > 200 || !strings.HasSuffix(text, "ff…") {
		t.Error(text)
	}
}
