//go:build !wasip1

package mortise

import (
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
)

// The longest stack that is sent with a crash, in bytes.
const longestStack = 64 << 10

// program is the plugin as the process sees it.
type program interface {
	// describe answers the manifest.
	describe() (any, error)
	// function is what answers calls of a method of instances; nil if there is
	// none of this name.
	function(method string) func(on served, open *call) (any, error)
	// newInstance makes the plugin of one user, whose calls of the server go
	// over the connection with this number.
	newInstance(connection *connection, number uint64, user User, basePath *string) (served, error)
}

// served is the plugin of one user.
type served interface {
	// capabilities are the contract's names of what it can do.
	capabilities() []string
	// concurrent tells whether it takes several calls at a time.
	concurrent() bool
	// leave is told that it is dropped.
	leave()
}

// process directs the server's calls: to the plugin as a whole, or to one of
// its instances.
type process struct {
	plugin     program
	connection *connection

	mutex     sync.Mutex
	instances map[uint64]served
}

func newProcess(plugin program, connection *connection) *process {
	return &process{plugin: plugin, connection: connection, instances: map[uint64]served{}}
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
		return p.plugin.describe()
	case "instance.create":
		return p.newInstance(open)
	case "instance.drop":
		return p.dropInstance(open)
	case "process.shutdown":
		return nil, nil
	}
	function := p.plugin.function(open.method)
	if function == nil {
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
	if TraceParent(open.context) != "" && open.alone(instance.concurrent()) {
		defer p.connection.begin(*open.instance, open.context)()
	}
	return function(instance, open)
}

func unknownInstance(number uint64) *failure {
	return &failure{Kind: kindUnknownInstance, Text: fmt.Sprintf("this plugin has no instance %d", number)}
}

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
	created, err := p.plugin.newInstance(p.connection, number, *params.User, params.BasePath)
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	p.instances[number] = created
	p.mutex.Unlock()
	return struct {
		Capabilities []string `json:"capabilities"`
		Concurrent   bool     `json:"concurrent"`
	}{created.capabilities(), created.concurrent()}, nil
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
