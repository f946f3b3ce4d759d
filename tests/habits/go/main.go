// A plugin whose author writes Go as usual, for the tests.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"time"

	mortise "github.com/mortise-plugins/mortise/guest-sdk/go"
)

func init() {
	because := "to be tested with it"
	mortise.Export(mortise.Manifest{
		ID: "test.habits", Name: "Habits", Version: "0.1.0",
		Wants: []mortise.Want{
			mortise.WantSendMessages(because),
			mortise.WantWebhook(because),
			mortise.WantHTTP(because, "127.0.0.1:*"),
			mortise.WantTimers(because),
		},
	}, func(host *mortise.Host) any { return &habits{host} })
}

func main() { mortise.Run() }

type habits struct{ host *mortise.Host }

// OnTimer leaves a goroutine with a ticker.
func (h *habits) OnTimer(string) error {
	go func() {
		for range time.Tick(time.Hour) {
			h.host.Info("ticked")
		}
	}()
	return nil
}

func (h *habits) Handle(request mortise.WebhookRequest) mortise.WebhookResponse {
	word, rest, _ := strings.Cut(string(request.Body), " ")
	answer, err := map[string]func(string) (string, error){
		"log": h.log, "post": post, "late": late, "ticks": ticks,
	}[word](rest)
	if err != nil {
		return mortise.Text(500, err.Error())
	}
	return mortise.Text(200, answer)
}

func (h *habits) log(string) (string, error) {
	slog.Debug("too deep")
	slog.Info("at info", "n", 1, "name", "a b")
	slog.Warn("at warn")
	slog.With("a", 1).WithGroup("g").Error("at error", "b", 2)
	log.Print("by log")
	h.host.Logger().Warn("by the host", "c", 3)
	return "logged", nil
}

func post(url string) (string, error) {
	answer, err := http.Post(url, "text/plain", strings.NewReader("a body"))
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return fmt.Sprintf("%d %s %s", answer.StatusCode, answer.Header.Get("X-Kind"), body), err
}

func late(url string) (string, error) {
	bounded, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	request, err := http.NewRequestWithContext(bounded, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	_, err = http.DefaultClient.Do(request)
	return fmt.Sprint(errors.Is(err, context.DeadlineExceeded)), nil
}

// ticks waits for a ticker and a goroutine while the call is open.
func ticks(string) (string, error) {
	ticker, done := time.NewTicker(time.Millisecond), make(chan int)
	defer ticker.Stop()
	go func() {
		count := 0
		for range ticker.C {
			if count++; count == 3 {
				done <- count
				return
			}
		}
	}()
	return fmt.Sprint(<-done), nil
}
