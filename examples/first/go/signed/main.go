// A webhook that sends a message for each event that is signed with a secret.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

type settings struct {
	Secret string `yaml:"secret" doc:"The sender's secret." secret:"true"`
}

type signed struct {
	mortise.Config[settings]
	host *mortise.Host
}

func init() {
	mortise.Export(mortise.Manifest{ID: "org.example.signed", Name: "Signed", Version: "1.0.0", Wants: []mortise.Want{
		mortise.WantWebhook("to receive events"),
		mortise.WantSendMessages("to report them"),
	}}, func(host *mortise.Host) any { return &signed{mortise.NewConfig(settings{}, nil), host} })
}

func main() { mortise.Run() }

// Handle is called for each request.
func (s *signed) Handle(request mortise.WebhookRequest) mortise.WebhookResponse {
	mac := hmac.New(sha256.New, []byte(s.Value.Secret))
	mac.Write(request.Body)
	expected := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if s.Value.Secret == "" || !hmac.Equal([]byte(expected), []byte(request.Header("X-Hub-Signature-256"))) {
		return mortise.Text(401, "the signature is missing or wrong\n")
	}
	var event struct{ Title string }
	if err := json.Unmarshal(request.Body, &event); err != nil {
		return mortise.Text(400, err.Error())
	}
	if _, err := s.host.SendText("Event", event.Title); err != nil {
		return mortise.Text(503, err.Error())
	}
	return mortise.WebhookResponse{Status: 204}
}
