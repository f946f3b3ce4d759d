// A plugin that sends a request in each way for every message, for the tests. Its
// configuration is the address. The header "by" names the way.
package main

import (
	"net/http"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

func init() {
	because := "to be tested with it"
	mortise.Export(mortise.Manifest{
		ID: "test.traced-go", Name: "Traced", Version: "0.1.0",
		Wants: []mortise.Want{
			mortise.WantReadMessages(because, "*"),
			mortise.WantHTTP(because, "127.0.0.1:*"),
		},
	}, func(host *mortise.Host) any { return &traced{host: host} })
}

func main() { mortise.Run() }

type traced struct {
	host *mortise.Host
	url  string
}

func (t *traced) DefaultConfig() string { return "" }

func (t *traced) ConfigSchema() string { return "" }

func (t *traced) Configure(config string) []mortise.Problem {
	t.url = config
	return nil
}

func (t *traced) OnMessages([]mortise.Message) error {
	by := mortise.Header{Name: "by", Value: "go host"}
	if _, err := t.host.HTTP(mortise.Request{Method: "POST", URL: t.url, Headers: []mortise.Header{by}}); err != nil {
		return err
	}
	for by, own := range map[string]string{"go client": "", "go own": "00-own-own-00"} {
		request, err := http.NewRequestWithContext(t.host.Context(), http.MethodPost, t.url, nil)
		if err != nil {
			return err
		}
		request.Header.Set("by", by)
		if own != "" {
			request.Header.Set("traceparent", own)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
	}
	return nil
}
