package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	paho "github.com/eclipse/paho.mqtt.golang"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

const (
	// The publications that wait. The server takes a number of messages per minute.
	mostWaiting = 100
	// The longest title and text of a message, in bytes, and the bytes that are shown
	// of a payload that is no text.
	longestTitle, longestPayload, shownBytes = 200, 32 << 10, 64
	// The attempts to send a message that the server cannot take at the time.
	attempts = 3
	// The topics whose last payload is remembered, so that a retained one is no news.
	mostRemembered = 1000
	// The storage's key of these payloads.
	retainedKey = "retained"
)

// pauses are those after a failure: the first one, and the longest one.
var pauses = [2]time.Duration{2 * time.Second, 5 * time.Minute}

// server is what a subscriber needs of the host.
type server interface {
	Send(mortise.Outgoing) (uint64, error)
	GetJSON(key string, value any) error
	SetJSON(key string, value any) error
	Log(level mortise.Level, format string, values ...any)
}

// subscriber sends the publications of topics as messages. It has its own connection,
// which it makes again whenever it is lost.
type subscriber struct {
	settings Settings
	// The client's id, by which the broker keeps publications for it.
	id      string
	server  server
	stopped chan struct{}
	// Whether the broker is to forget the subscriptions. Set before the stop.
	forget bool
	ended  sync.WaitGroup
}

func subscribe(settings Settings, id string, server server) *subscriber {
	s := &subscriber{settings: settings, id: id, server: server, stopped: make(chan struct{})}
	s.ended.Add(1)
	go s.run()
	return s
}

// stop ends the connection. Unless the broker is to forget the subscriptions, it
// keeps publications for the next start.
func (s *subscriber) stop(forget bool) {
	s.forget = forget
	close(s.stopped)
	s.ended.Wait()
}

func (s *subscriber) run() {
	defer s.ended.Done()
	for pause := pauses[0]; ; pause = min(2*pause, pauses[1]) {
		begun := time.Now()
		err := s.session()
		if err == nil {
			return
		}
		if time.Since(begun) > pauses[1] {
			pause = pauses[0]
		}
		s.warn("%s: %s; the next attempt in %s", s.settings.Server, err, pause)
		if !s.wait(pause) {
			return
		}
	}
}

// session serves one connection. It returns nil after the stop.
func (s *subscriber) session() error {
	// The publications of a lost connection are gone: the broker delivers those that
	// are not acknowledged again.
	queue, lost := make(chan paho.Message, mostWaiting), make(chan error, 1)
	options := options(s.settings).SetClientID(s.id).SetCleanSession(s.settings.QoS == 0).SetAutoAckDisabled(true)
	options.SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	options.SetDefaultPublishHandler(func(_ paho.Client, publication paho.Message) {
		select {
		case queue <- publication:
		default:
			s.warn("a publication of %s has no room, as %d wait", publication.Topic(), mostWaiting)
		}
	})
	client := paho.NewClient(options)
	// Also of a connection that takes too long.
	defer client.Disconnect(100)
	if err := wait(client.Connect()); err != nil {
		return err
	}
	wanted := map[string]byte{}
	for _, subscription := range s.settings.Subscribe {
		wanted[subscription.Topic] = byte(s.settings.QoS)
	}
	token := client.SubscribeMultiple(wanted, nil)
	if err := wait(token); err != nil {
		return err
	}
	for topic, granted := range token.(*paho.SubscribeToken).Result() {
		if granted > 2 {
			s.warn("the broker refuses the topic %s", topic)
		}
	}
	for {
		select {
		case publication := <-queue:
			if s.receive(publication) {
				publication.Ack()
			}
		case err := <-lost:
			return err
		case <-s.stopped:
			if s.forget {
				// If this fails, the broker keeps publications in vain.
				_ = wait(client.Unsubscribe(slices.Collect(maps.Keys(wanted))...))
			}
			return nil
		}
	}
}

// receive sends a publication as a message. It returns false if the broker is to
// deliver it again.
func (s *subscriber) receive(publication paho.Message) bool {
	subscription, found := s.settings.subscriptionOf(publication.Topic())
	if !found || isOwn(publication.Payload(), s.id) {
		return true
	}
	if publication.Retained() && !subscription.Retained {
		return true
	}
	message := messageOf(publication.Topic(), publication.Payload(), subscription)
	if !subscription.Retained {
		return s.send(publication.Topic(), message)
	}
	// The broker delivers a retained publication after each connection.
	last := map[string]string{}
	if err := s.server.GetJSON(retainedKey, &last); err != nil {
		s.warn("%s", err)
	}
	topic, payload := hash([]byte(publication.Topic())), hash(publication.Payload())
	if publication.Retained() && last[topic] == payload {
		return true
	}
	if !s.send(publication.Topic(), message) {
		return false
	}
	if last[topic] != payload {
		if len(last) >= mostRemembered {
			clear(last)
		}
		last[topic] = payload
		if err := s.server.SetJSON(retainedKey, last); err != nil {
			s.warn("%s", err)
		}
	}
	return true
}

// send returns false if the subscriber stopped before the server took the message. A
// message that the server does not take is skipped, because it would hold up all
// others.
func (s *subscriber) send(topic string, message mortise.Outgoing) bool {
	for attempt, pause := 1, pauses[0]; ; attempt, pause = attempt+1, min(2*pause, time.Minute) {
		_, err := s.server.Send(message)
		if err == nil {
			return true
		}
		var refusal *mortise.Error
		isFull := errors.As(err, &refusal) && refusal.Kind == mortise.Exhausted
		isBrief := isFull || refusal != nil && refusal.Kind == mortise.Unavailable && attempt < attempts
		if !isBrief {
			s.warn("a publication of %s is not sent: %s", topic, err)
			return true
		}
		if !s.wait(pause) {
			return false
		}
	}
}

// wait returns false if the subscriber stops in this time.
func (s *subscriber) wait(pause time.Duration) bool {
	select {
	case <-s.stopped:
		return false
	case <-time.After(pause):
		return true
	}
}

func (s *subscriber) warn(format string, values ...any) {
	s.server.Log(mortise.LevelWarn, format, values...)
}

func messageOf(topic string, payload []byte, subscription Subscription) mortise.Outgoing {
	return mortise.Outgoing{Content: mortise.Content{
		Title:    shorten(subscription.titleOf(topic), longestTitle),
		Body:     textOf(payload),
		Priority: int32(subscription.priority()),
	}}
}

// textOf is a payload for people. A message's text cannot be empty.
func textOf(payload []byte) string {
	switch {
	case len(payload) == 0:
		return "(empty)"
	case utf8.Valid(payload):
		return shorten(string(payload), longestPayload)
	}
	text := hex.EncodeToString(payload[:min(len(payload), shownBytes)])
	if len(payload) > shownBytes {
		text += "…"
	}
	return fmt.Sprintf("(%d bytes that are no text) %s", len(payload), text)
}

// isOwn tells whether a client's own plugin published a payload, see [Payload].
func isOwn(payload []byte, id string) bool {
	return strings.HasPrefix(string(payload[:min(len(payload), len(id)+20)]), `{"sender":"`+id+`",`)
}

func hash(value []byte) string {
	sum := fnv.New128a()
	sum.Write(value)
	return hex.EncodeToString(sum.Sum(nil))
}
