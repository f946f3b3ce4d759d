//go:build wasip1

package mortise

// What a plugin asks of the server, by the generated bindings.

import (
	"context"

	bindLog "github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_log"
	bindMessages "github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_messages"
	bindStorage "github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_storage"
	bindTimers "github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_timers"
	bind "github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_types"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/runtime"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

// link is how a [Host] reaches the server: there is one in the component.
type link struct{ _ struct{} }

// context is empty: the host adds the trace context itself.
func (link) context() context.Context { return context.Background() }

// TraceParent returns the trace context of the call that a context is from; always
// empty, as in a component the host itself adds it to requests.
func TraceParent(context.Context) string { return "" }

// answer takes a result apart, and lets go of the memory it came in.
func answer[T any](result types.Result[T, bind.Error]) (T, error) {
	runtime.Unpin()
	if result.IsErr() {
		return result.Ok(), refusal(result.Err())
	}
	return result.Ok(), nil
}

func done(result types.Result[types.Unit, bind.Error]) error {
	_, err := answer(result)
	return err
}

func refusal(err bind.Error) *Error {
	switch err.Tag() {
	case bind.Error_Denied:
		return &Error{Denied, err.Denied()}
	case bind.Error_Invalid:
		return &Error{Invalid, err.Invalid()}
	case bind.Error_Exhausted:
		return &Error{Exhausted, err.Exhausted()}
	default:
		return &Error{Unavailable, err.Unavailable()}
	}
}

func (link) writeLog(level Level, text string) { bindLog.Write(uint8(min(level, LevelError)), text) }

func (link) send(message Outgoing) (uint64, error) {
	return answer(bindMessages.Send(message.lower()))
}

func (link) getMessage(id uint64) (*Message, error) {
	found, err := answer(bindMessages.Get(id))
	if err != nil || found.Tag() == types.OptionNone {
		return nil, err
	}
	message := liftMessage(found.Some())
	return &message, nil
}

func (link) sent(before *uint64, limit uint32) ([]Message, error) {
	found, err := answer(bindMessages.Sent(types.FromPointer(before), limit))
	return liftAll(found, liftMessage), err
}

func (link) received(before *uint64, limit uint32) ([]Message, error) {
	found, err := answer(bindMessages.Received(types.FromPointer(before), limit))
	return liftAll(found, liftMessage), err
}

func (link) removeMessage(id uint64) error { return done(bindMessages.Remove(id)) }

func (link) updateMessage(id uint64, content Content) error {
	return done(bindMessages.Update(id, content.lower()))
}

func (link) expireMessage(id uint64, atMS *uint64) error {
	return done(bindMessages.Expire(id, types.FromPointer(atMS)))
}

func (link) sendTo(users []string, message Outgoing) ([]Delivery, error) {
	sent, err := answer(bindMessages.SendTo(users, message.lower()))
	return liftAll(sent, liftDelivery), err
}

func (link) setImage(application string, image []byte) error {
	return done(bindMessages.SetImage(unlessEmpty(application), image))
}

func (link) get(key string) ([]byte, error) {
	found, err := answer(bindStorage.Get(key))
	if err != nil || found.Tag() == types.OptionNone {
		return nil, err
	}
	if value := found.Some(); value != nil {
		return value, nil
	}
	return []byte{}, nil
}

func (link) set(key string, value []byte) error { return done(bindStorage.Set(key, value)) }

func (link) unset(key string) error { return done(bindStorage.Remove(key)) }

func (link) keys(prefix string) ([]string, error) { return answer(bindStorage.Keys(prefix)) }

func (link) setTimer(name string, when Schedule) error {
	return done(bindTimers.Set(name, when.lower()))
}

func (link) setTimerWith(name string, when Schedule, options TimerOptions) error {
	return done(bindTimers.SetWith(name, when.lower(), options.lower()))
}

func (link) cancelTimer(name string) error { return done(bindTimers.Cancel(name)) }
