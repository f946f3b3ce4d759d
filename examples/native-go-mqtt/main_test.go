package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

// broker is enough of a broker for one session. It ends the connection after some
// messages, unless their number is 0.
type broker struct {
	net.Listener
	published chan *packets.PublishPacket
	logins    chan string
	last      int
}

func listen(t *testing.T, last int) *broker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return &broker{listener, make(chan *packets.PublishPacket, 9), make(chan string, 9), last}
}

func (b *broker) serve(t *testing.T) {
	for {
		connection, err := b.Accept()
		if err != nil {
			return
		}
		b.session(t, connection)
		connection.Close()
	}
}

func (b *broker) session(t *testing.T, connection net.Conn) {
	for {
		packet, err := packets.ReadPacket(connection)
		if err != nil {
			return
		}
		var answer packets.ControlPacket
		switch packet := packet.(type) {
		case *packets.ConnectPacket:
			b.logins <- packet.Username + ":" + string(packet.Password)
			answer = packets.NewControlPacket(packets.Connack)
		case *packets.PublishPacket:
			b.published <- packet
			if len(b.published) == b.last {
				return
			}
			taken := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			taken.MessageID = packet.MessageID
			answer = taken
		default:
			return
		}
		if err := answer.Write(connection); err != nil {
			t.Error(err)
		}
	}
}

func message(id uint64, application string) mortise.Message {
	extras := `{"a":{"b":1}}`
	return mortise.Message{
		ID:          id,
		Application: mortise.Application{ID: 1, Name: application},
		Content:     mortise.Content{Title: "t", Body: "b", Priority: 5, Extras: &extras},
	}
}

func settings(address string) Settings {
	settings := initial
	settings.Server, settings.User, settings.Password = "mqtt://"+address, "ada", "secret"
	return settings
}

func TestMessagesArePublished(t *testing.T) {
	broker := listen(t, 0)
	go broker.serve(t)
	sent, err := publishAll([]mortise.Message{message(1, "backup"), message(2, "a/b+c#")}, settings(broker.Addr().String()), "me")
	if len(sent) != 2 || err != nil {
		t.Fatal(sent, err)
	}
	if login := <-broker.logins; login != "ada:secret" {
		t.Error(login)
	}
	first, second := <-broker.published, <-broker.published
	if first.TopicName != "mortise/backup" || first.Qos != 1 || second.TopicName != "mortise/a_b_c_" {
		t.Error(first, second)
	}
	var payload Payload
	if err := json.Unmarshal(first.Payload, &payload); err != nil {
		t.Fatal(err)
	}
	if payload.ID != 1 || !isOwn(first.Payload, "me") || isOwn(first.Payload, "m") || payload.Message != "b" || string(payload.Extras) != `{"a":{"b":1}}` {
		t.Error(payload)
	}
}

func TestAFailureTellsTheSentMessages(t *testing.T) {
	broker := listen(t, 2)
	go broker.serve(t)
	sent, err := publishAll([]mortise.Message{message(1, "a"), message(2, "a")}, settings(broker.Addr().String()), "me")
	if len(sent) != 1 || err == nil || !strings.Contains(err.Error(), "message 2") {
		t.Fatal(sent, err)
	}
}

func TestNamedHostsAreReachedByTheProxy(t *testing.T) {
	proxy := listen(t, 0)
	t.Setenv("ALL_PROXY", "http://"+proxy.Addr().String())
	statuses := make(chan string, 2)
	statuses <- "200 OK"
	statuses <- "403 no grant"
	go func() {
		for {
			connection, err := proxy.Accept()
			if err != nil {
				return
			}
			request, err := http.ReadRequest(bufio.NewReader(connection))
			if err != nil || request.Method != http.MethodConnect || request.Host != "mqtt.example.org:1883" {
				t.Error(request, err)
			}
			connection.Write([]byte("HTTP/1.1 " + <-statuses + "\r\n\r\n"))
			proxy.session(t, connection)
			connection.Close()
		}
	}()
	if sent, err := publishAll([]mortise.Message{message(1, "a")}, settings("mqtt.example.org:1883"), "me"); len(sent) != 1 || err != nil {
		t.Fatal(sent, err)
	}
	_, err := publishAll([]mortise.Message{message(1, "a")}, settings("mqtt.example.org:1883"), "me")
	if err == nil || !strings.Contains(err.Error(), "the way to mqtt.example.org:1883 is closed: 403 no grant") {
		t.Fatal(err)
	}
}

func TestLoopbackIsReachedDirectly(t *testing.T) {
	t.Setenv("ALL_PROXY", "http://127.0.0.1:13")
	broker := listen(t, 0)
	connection, err := dial(&url.URL{Scheme: "mqtt", Host: broker.Addr().String()}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	connection.Close()
}
