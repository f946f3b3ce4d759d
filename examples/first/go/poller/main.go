// Fetches a JSON address again and again, and sends a message when a field changes.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

type settings struct {
	URL     string `yaml:"url" doc:"The address, which answers with a JSON object."`
	Field   string `yaml:"field" doc:"The field of the object to compare."`
	Minutes uint16 `yaml:"minutes" doc:"The minutes between two requests."`
}

type poller struct {
	mortise.Config[settings]
	host *mortise.Host
}

func init() {
	mortise.Export(mortise.Manifest{ID: "org.example.poller", Name: "Poller", Version: "1.0.0", Wants: []mortise.Want{
		mortise.WantHTTP("to fetch the address in its configuration", "*:*"),
		mortise.WantTimers("to fetch it again and again"),
		mortise.WantSendMessages("to report a change"),
	}}, func(host *mortise.Host) any {
		config := mortise.NewConfig(settings{"https://api.example.org/status", "state", 10}, func(s settings) error {
			return host.SetTimer("poll", mortise.Every(time.Duration(s.Minutes)*time.Minute))
		})
		return &poller{config, host}
	})
}

func main() { mortise.Run() }

// OnTimer is called when the timer comes due.
func (p *poller) OnTimer(string) error {
	response, err := http.Get(p.Value.URL)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered with status %d: %v", p.Value.URL, response.StatusCode, err)
	}
	value := fmt.Sprint(answer[p.Value.Field])
	last, err := p.host.Get("last")
	if err == nil && last != nil && string(last) != value {
		_, err = p.host.SendText(p.Value.Field, fmt.Sprintf("%s → %s", last, value))
	}
	if err != nil {
		return err
	}
	return p.host.Set("last", []byte(value))
}
