package mortise

import (
	"encoding/json"
	"fmt"

	msgpack "github.com/ugorji/go/codec"
)

// Permission is something a plugin may do only when a person agreed. It is made
// by the functions and variables of this file.
type Permission struct {
	name    string
	entries []string
	folders []Directory
}

// Directory is a directory on the server's machine, by its absolute path.
type Directory struct {
	Path     string `json:"path"`
	Writable bool   `json:"writable"`
}

// Request is a permission and one sentence for the person who decides.
type Request struct {
	Permission Permission `json:"permission"`
	Reason     string     `json:"reason"`
}

// Want asks for a permission; the reason is one sentence for the person who
// decides.
func Want(permission Permission, reason string) Request {
	return Request{Permission: permission, Reason: reason}
}

var (
	// SendMessages is sending messages to the user.
	SendMessages = Permission{name: "send_messages"}
	// FilterMessages is seeing, changing and dropping messages before they are
	// stored.
	FilterMessages = Permission{name: "filter_messages"}
	// Webhook is being reachable by HTTP.
	Webhook = Permission{name: "webhook"}
	// Timers is being woken by timers.
	Timers = Permission{name: "timers"}
)

// ReadMessages is reading the messages of these applications, * for all.
func ReadMessages(applications ...string) Permission {
	return Permission{name: "read_messages", entries: applications}
}

// Cookies is seeing these cookies of webhook requests.
func Cookies(names ...string) Permission {
	return Permission{name: "cookies", entries: names}
}

// HTTP is calling out to these hosts: host, host:port, *.domain, * for all.
func HTTP(hosts ...string) Permission {
	return Permission{name: "http", entries: hosts}
}

// Files is using these directories.
func Files(directories ...Directory) Permission {
	return Permission{name: "files", folders: directories}
}

// Environment is being given these environment variables of the server.
func Environment(names ...string) Permission {
	return Permission{name: "environment", entries: names}
}

// SendToUsers is sending messages to these users, * for all.
func SendToUsers(users ...string) Permission {
	return Permission{name: "send_to_users", entries: users}
}

// DefaultWants is what a plugin asks for that says nothing else: what every
// Gotify plugin may do today. What a plugin can do is known only once it has an
// instance, and the manifest must be known before.
func DefaultWants() []Request {
	return []Request{
		Want(SendMessages, "Plugins made for Gotify send messages to their user."),
		Want(Webhook, "Plugins made for Gotify may be called by HTTP under a secret address."),
		Want(HTTP("*:*"), "Plugins made for Gotify may use the network, and do not say which part of it."),
	}
}

func (p Permission) wire() any {
	switch p.name {
	case "send_messages", "filter_messages", "webhook", "timers":
		return p.name
	case "files":
		return map[string][]Directory{p.name: p.folders}
	}
	return map[string][]string{p.name: p.entries}
}

func (p *Permission) fromWire(name string, payload func(any) error) error {
	*p = Permission{name: name}
	switch name {
	case "send_messages", "filter_messages", "webhook", "timers":
		return nil
	case "read_messages", "cookies", "http", "environment", "send_to_users":
		return payload(&p.entries)
	case "files":
		return payload(&p.folders)
	}
	return fmt.Errorf("the unknown permission %q", name)
}

// MarshalJSON writes the variant of the contract.
func (p Permission) MarshalJSON() ([]byte, error) { return json.Marshal(p.wire()) }

// UnmarshalJSON reads the variant of the contract.
func (p *Permission) UnmarshalJSON(text []byte) error { return variantFromJSON(text, p) }

// CodecEncodeSelf writes the variant of the contract as MessagePack.
func (p Permission) CodecEncodeSelf(encoder *msgpack.Encoder) { encoder.MustEncode(p.wire()) }

// CodecDecodeSelf reads the variant of the contract as MessagePack.
func (p *Permission) CodecDecodeSelf(decoder *msgpack.Decoder) { variantFromMsgpack(decoder, p) }
