package mortise

import (
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"sync"

	plugin "github.com/gotify/plugin-api"
)

// The longest stack that is sent with a crash, in bytes.
const longestStack = 64 << 10

// process directs the server's calls: to the plugin as a whole, or to one of
// its instances.
type process struct {
	info       func() plugin.Info
	create     func(plugin.UserContext) plugin.Plugin
	wants      []Request
	connection *connection

	mutex     sync.Mutex
	instances map[uint64]*instance
}

func newProcess(info func() plugin.Info, create func(plugin.UserContext) plugin.Plugin, wants []Request, connection *connection) *process {
	return &process{
		info: info, create: create, wants: wants, connection: connection,
		instances: map[uint64]*instance{},
	}
}

// method is a function of the contract, or of the protocol, on one instance.
type method func(i *instance, open *call) (any, error)

// The functions that concern an instance, by their names on the wire.
var methods = map[string]method{
	"lifecycle.start":      (*instance).start,
	"lifecycle.stop":       (*instance).stop,
	"configurer.defaults":  (*instance).defaults,
	"configurer.schema":    (*instance).schema,
	"configurer.apply":     (*instance).apply,
	"displayer.display":    (*instance).display,
	"webhook.handle":       (*instance).handle,
	"filter.filter":        (*instance).filter,
	"listener.on_messages": (*instance).onMessages,
	"timer.on_timer":       (*instance).onTimer,
}

// called works on one call of the server, in a goroutine of its own. A panic in
// it becomes the call's answer; elsewhere it ends the process, as Go has it.
func (p *process) called(open *call) {
	finished := false
	defer func() {
		if !finished {
			open.crashed(recover())
		}
	}()
	result, err := p.answer(open)
	finished = true
	switch err := err.(type) {
	case nil:
		open.reply(result)
	case *failure:
		open.fail(*err)
	default:
		open.fail(failure{Kind: kindRefused, Text: err.Error()})
	}
	if open.method == "process.shutdown" {
		p.connection.end()
	}
}

// crashed answers a call in which the plugin panicked.
func (open *call) crashed(cause any) {
	text := fmt.Sprintf("panic: %v", cause)
	switch cause {
	case nil:
		text = "the plugin ended the goroutine of the call (runtime.Goexit)"
	case http.ErrAbortHandler:
		// The way in which net/http lets a handler cut its answer off.
		open.fail(failure{Kind: kindRefused, Text: "the plugin cut its answer off"})
		return
	}
	stack := debug.Stack()
	fmt.Fprintf(os.Stderr, "mortise: %s: %s\n%s", open.method, text, stack)
	open.fail(failure{Kind: kindCrashed, Text: text, Details: string(stack[:min(len(stack), longestStack)])})
}

func (p *process) answer(open *call) (any, error) {
	switch open.method {
	case "manifest.describe":
		manifest, err := manifestOf(p.info(), p.wants)
		if err != nil {
			return nil, &failure{Kind: kindCrashed, Text: err.Error()}
		}
		return manifest, nil
	case "instance.create":
		return p.newInstance(open)
	case "instance.drop":
		return p.dropInstance(open)
	case "process.shutdown":
		return nil, nil
	}
	method := methods[open.method]
	if method == nil {
		return nil, &failure{Kind: kindUnknownMethod, Text: fmt.Sprintf("this plugin has no function %.64q", open.method)}
	}
	if open.instance == nil {
		return nil, &failure{Kind: kindInvalid, Text: fmt.Sprintf("%s concerns an instance, and the call names none", open.method)}
	}
	p.mutex.Lock()
	instance := p.instances[*open.instance]
	p.mutex.Unlock()
	if instance == nil {
		return nil, unknownInstance(*open.instance)
	}
	return method(instance, open)
}

func unknownInstance(number uint64) *failure {
	return &failure{Kind: kindUnknownInstance, Text: fmt.Sprintf("this plugin has no instance %d", number)}
}

// Error lets a failure travel as the error of a method.
func (f *failure) Error() string { return f.Kind + ": " + f.Text }

// decode reads a call's parameters; what of them must be there is checked by
// the caller, with missing.
func (open *call) decode(into any) error {
	if len(open.params) == 0 {
		return nil
	}
	if err := open.connection.codec.decode(open.params, into); err != nil {
		return &failure{Kind: kindInvalid, Text: fmt.Sprintf("the parameters of %s are wrong: %s", open.method, err)}
	}
	return nil
}

func (open *call) missing(name string) error {
	return &failure{Kind: kindInvalid, Text: fmt.Sprintf("the parameters of %s lack %s", open.method, name)}
}

func (p *process) newInstance(open *call) (any, error) {
	var params struct {
		Instance *uint64 `json:"instance"`
		User     *User   `json:"user"`
		BasePath *string `json:"base_path"`
	}
	if err := open.decode(&params); err != nil {
		return nil, err
	}
	if params.Instance == nil {
		return nil, open.missing("instance")
	}
	if params.User == nil {
		return nil, open.missing("user")
	}
	number := *params.Instance
	p.mutex.Lock()
	_, twice := p.instances[number]
	p.mutex.Unlock()
	if twice {
		return nil, &failure{Kind: kindInvalid, Text: fmt.Sprintf("there is an instance %d already", number)}
	}
	host := &Host{p.connection, number}
	created, err := newInstance(host, *params.User, params.BasePath, p.create)
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	p.instances[number] = created
	p.mutex.Unlock()
	return struct {
		Capabilities []string `json:"capabilities"`
		Concurrent   bool     `json:"concurrent"`
	}{created.capabilities(), true}, nil
}

func (p *process) dropInstance(open *call) (any, error) {
	var params struct {
		Instance *uint64 `json:"instance"`
	}
	if err := open.decode(&params); err != nil {
		return nil, err
	}
	if params.Instance == nil {
		return nil, open.missing("instance")
	}
	p.mutex.Lock()
	dropped := p.instances[*params.Instance]
	delete(p.instances, *params.Instance)
	p.mutex.Unlock()
	if dropped == nil {
		return nil, unknownInstance(*params.Instance)
	}
	dropped.leave()
	return nil, nil
}
