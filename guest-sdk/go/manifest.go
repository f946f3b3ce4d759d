package mortise

// Manifest is who a plugin is and what it asks for.
type Manifest struct {
	// ID is unique and stays: org.example.name.
	ID string
	// Name is for people.
	Name string
	// Version is a semantic version.
	Version     string
	Description string
	Author      string
	// License is an SPDX expression.
	License string
	Website string
	// Wants is what it cannot work without. What is not asked for is denied.
	Wants []Want
	// Listens is which messages its listener wants; nil for all that it may read.
	Listens *Interests
}

// Interests are the messages that a listener wants. It is given no others.
type Interests struct {
	// Applications are their names; none for all that it may read.
	Applications []string
	// MinPriority is the lowest priority; nil for any.
	MinPriority *int32
}

// Want is a permission a plugin asks for, with a reason for the person who
// decides.
type Want struct {
	kind        permission
	names       []string
	directories []Directory
	reason      string
}

type permission uint8

const (
	sendMessages permission = iota
	readMessages
	filterMessages
	webhook
	cookies
	httpHosts
	files
	environment
	timers
	sendToUsers
)

// Directory is one that a plugin asks for, by its absolute path on the host.
type Directory struct {
	Path     string
	Writable bool
}

// WantSendMessages asks to send messages to the user.
func WantSendMessages(reason string) Want { return Want{kind: sendMessages, reason: reason} }

// WantReadMessages asks to be given messages of these applications, "*" for all.
func WantReadMessages(reason string, applications ...string) Want {
	return Want{kind: readMessages, names: applications, reason: reason}
}

// WantFilterMessages asks to see, change and drop messages before they are
// stored.
func WantFilterMessages(reason string) Want { return Want{kind: filterMessages, reason: reason} }

// WantWebhook asks to be reachable by HTTP under a secret address.
func WantWebhook(reason string) Want { return Want{kind: webhook, reason: reason} }

// WantCookies asks to see these cookies of webhook requests.
func WantCookies(reason string, names ...string) Want {
	return Want{kind: cookies, names: names, reason: reason}
}

// WantHTTP asks to call out to these hosts: host, host:port, *.domain, each with
// an optional scheme before it.
func WantHTTP(reason string, hosts ...string) Want {
	return Want{kind: httpHosts, names: hosts, reason: reason}
}

// WantFiles asks to use these directories.
func WantFiles(reason string, directories ...Directory) Want {
	return Want{kind: files, directories: directories, reason: reason}
}

// WantEnvironment asks to read these environment variables of the server.
func WantEnvironment(reason string, names ...string) Want {
	return Want{kind: environment, names: names, reason: reason}
}

// WantTimers asks to be woken by timers.
func WantTimers(reason string) Want { return Want{kind: timers, reason: reason} }

// WantSendToUsers asks to send messages to these users, "*" for all.
func WantSendToUsers(reason string, users ...string) Want {
	return Want{kind: sendToUsers, names: users, reason: reason}
}
