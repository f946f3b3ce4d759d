//go:build wasip1

package mortise

// The contract's values, from and into the form the generated bindings have.

import (
	bind "github.com/mortise-plugins/mortise/guest-sdk/go/internal/bindings/imports/mortise_plugin_types"
	"github.com/mortise-plugins/mortise/guest-sdk/go/internal/wit/types"
)

func liftAll[From, To any](values []From, lift func(From) To) []To {
	lifted := make([]To, len(values))
	for i, value := range values {
		lifted[i] = lift(value)
	}
	return lifted
}

func liftContent(c bind.Content) Content {
	return Content{c.Title, c.Body, c.Priority, c.Extras.Pointer()}
}

func (c Content) lower() bind.Content {
	return bind.Content{Title: c.Title, Body: c.Body, Priority: c.Priority, Extras: types.FromPointer(c.Extras)}
}

func liftApplication(a bind.Application) Application { return Application{a.Id, a.Name} }

func liftMessage(m bind.Message) Message {
	return Message{m.Id, liftApplication(m.Application), liftContent(m.Content), m.CreatedMs}
}

func (o Outgoing) lower() bind.Outgoing {
	return bind.Outgoing{Application: unlessEmpty(o.Application), Content: o.Content.lower()}
}

// unlessEmpty is a text, none if it is empty.
func unlessEmpty(text string) types.Option[string] {
	if text == "" {
		return types.None[string]()
	}
	return types.Some(text)
}

func liftDelivery(d bind.Delivery) Delivery {
	if d.Outcome.IsErr() {
		return Delivery{User: d.User, Err: refusal(d.Outcome.Err())}
	}
	return Delivery{User: d.User, ID: d.Outcome.Ok()}
}

func (s Schedule) lower() bind.Schedule {
	switch {
	case s.onceAtMS != nil:
		return bind.MakeScheduleOnceAtMs(*s.onceAtMS)
	case s.cron != "":
		return bind.MakeScheduleCron(s.cron)
	}
	return bind.MakeScheduleEveryMs(s.everyMS)
}

func (o TimerOptions) lower() bind.TimerOptions {
	return bind.TimerOptions{
		Zone:     unlessEmpty(o.Zone),
		JitterMs: milliseconds(o.Jitter),
		Missed:   uint8(min(o.Missed, MissedSkip)),
	}
}

func liftDraft(d bind.Draft) Draft {
	return Draft{liftApplication(d.Application), liftContent(d.Content), d.ReceivedMs}
}

func liftHeader(h bind.Header) Header { return Header(h) }

func lowerHeader(h Header) bind.Header { return bind.Header(h) }

func liftRequest(r bind.WebhookRequest) WebhookRequest {
	return WebhookRequest{
		Method: r.Method, Path: r.Path, Query: r.Query.Pointer(),
		Headers: liftAll(r.Headers, liftHeader), Body: r.Body,
		Client: r.Client, Scheme: r.Scheme, Host: r.Host, BasePath: r.BasePath,
	}
}

func (r WebhookResponse) lower() bind.WebhookResponse {
	status := r.Status
	if status == 0 {
		status = 200
	}
	return bind.WebhookResponse{
		// What is no status at all becomes one that the host refuses.
		Status:  uint16(min(max(status, 0), 1<<16-1)),
		Headers: liftAll(r.Headers, lowerHeader), Body: r.Body,
	}
}

func (v Verdict) lower() bind.Verdict {
	switch {
	case v.replace != nil:
		return bind.MakeVerdictReplace(v.replace.lower())
	case v.drop != nil:
		return bind.MakeVerdictDrop(*v.drop)
	default:
		return bind.MakeVerdictKeep()
	}
}

func (m Manifest) lower() bind.Manifest {
	return bind.Manifest{
		Id: m.ID, Name: m.Name, Version: m.Version, Description: m.Description,
		Author: m.Author, License: m.License, Website: m.Website,
		Wants: liftAll(m.Wants, Want.lower), Listens: m.Listens.lower(),
	}
}

func (i *Interests) lower() types.Option[bind.Interests] {
	if i == nil {
		return types.None[bind.Interests]()
	}
	return types.Some(bind.Interests{
		Applications: i.Applications, MinPriority: types.FromPointer(i.MinPriority),
	})
}

func (w Want) lower() bind.Request {
	return bind.Request{Permission: w.permission(), Reason: w.reason}
}

func (w Want) permission() bind.Permission {
	switch w.kind {
	case sendMessages:
		return bind.MakePermissionSendMessages()
	case readMessages:
		return bind.MakePermissionReadMessages(w.names)
	case filterMessages:
		return bind.MakePermissionFilterMessages()
	case webhook:
		return bind.MakePermissionWebhook()
	case cookies:
		return bind.MakePermissionCookies(w.names)
	case httpHosts:
		return bind.MakePermissionHttp(w.names)
	case files:
		return bind.MakePermissionFiles(liftAll(w.directories, func(d Directory) bind.Directory {
			return bind.Directory(d)
		}))
	case environment:
		return bind.MakePermissionEnvironment(w.names)
	case sendToUsers:
		return bind.MakePermissionSendToUsers(w.names)
	default:
		return bind.MakePermissionTimers()
	}
}
