// Command go-plugin is what the benchmark `bridge/go_plugin` measures: a host
// and a plugin of hashicorp/go-plugin over gRPC, doing the work that
// `bridge/call` does. This program is both, as go-plugin wants it.
//
// The host reads how many calls to make from each line of its standard input,
// makes them one after another, and answers with the nanoseconds they took.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/mortise-plugins/mortise/native-bridge/benches/go-plugin/record"
	"google.golang.org/grpc"
)

var handshake = plugin.HandshakeConfig{
	ProtocolVersion: 1, MagicCookieKey: "MORTISE_BENCH_GO_PLUGIN", MagicCookieValue: "yes",
}

// filterPlugin is the plugin's type, as both sides know it.
type filterPlugin struct{ plugin.NetRPCUnsupportedPlugin }

func (filterPlugin) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	record.RegisterFilterServer(server, filter{})
	return nil
}

func (filterPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, connection *grpc.ClientConn) (any, error) {
	return record.NewFilterClient(connection), nil
}

// filter keeps every draft.
type filter struct {
	record.UnimplementedFilterServer
}

func (filter) Filter(_ context.Context, draft *record.Draft) (*record.Verdict, error) {
	if draft.GetContent().GetBody() == "" {
		return nil, errors.New("a draft without a body")
	}
	return &record.Verdict{Verdict: &record.Verdict_Keep{Keep: true}}, nil
}

var plugins = plugin.PluginSet{"filter": filterPlugin{}}

func main() {
	if os.Getenv(handshake.MagicCookieKey) == handshake.MagicCookieValue {
		plugin.Serve(&plugin.ServeConfig{
			HandshakeConfig: handshake, Plugins: plugins, GRPCServer: plugin.DefaultGRPCServer,
			Logger: hclog.NewNullLogger(),
		})
		return
	}
	if err := host(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "go-plugin:", err)
		os.Exit(1)
	}
}

func host(in io.Reader, out io.Writer) error {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: handshake, Plugins: plugins, Cmd: exec.Command(os.Args[0]),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(),
	})
	defer client.Kill()
	protocol, err := client.Client()
	if err != nil {
		return err
	}
	dispensed, err := protocol.Dispense("filter")
	if err != nil {
		return err
	}
	filter := dispensed.(record.FilterClient)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		calls, err := strconv.Atoi(lines.Text())
		if err != nil {
			return err
		}
		took, err := measure(filter, calls)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, took.Nanoseconds()); err != nil {
			return err
		}
	}
	return lines.Err()
}

func measure(filter record.FilterClient, calls int) (time.Duration, error) {
	draft := &record.Draft{
		Application: &record.Application{Id: 7, Name: "backup"},
		Content:     &record.Content{Title: "nightly backup", Body: strings.Repeat("x", 200), Priority: 5},
		ReceivedMs:  1_700_000_000_000,
	}
	begin := time.Now()
	for range calls {
		// With a deadline, as every call over the bridge has one.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		verdict, err := filter.Filter(ctx, draft)
		cancel()
		if err != nil {
			return 0, err
		}
		if !verdict.GetKeep() {
			return 0, errors.New("the draft was not kept")
		}
	}
	return time.Since(begin), nil
}
