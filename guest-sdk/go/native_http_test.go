//go:build !wasip1

package mortise

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
)

// The environment is read once, before the first request.
func TestMain(m *testing.M) {
	proxy := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.Host == "granted.example" {
			answer.Header().Set("X-Asked", request.RequestURI)
			return
		}
		answer.Header().Set("Proxy-Status", "mortise")
		answer.WriteHeader(http.StatusForbidden)
		answer.Write([]byte("it lacks the grant\n"))
	}))
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY"} {
		os.Setenv(name, proxy.URL)
	}
	code := m.Run()
	proxy.Close()
	os.Exit(code)
}

func send(t *testing.T, at string) (*Response, error) {
	t.Helper()
	to, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	return sendHTTP(Request{Method: "GET", URL: at, MaxBody: 100}, to)
}

func TestANamedHostIsReachedThroughTheProxy(t *testing.T) {
	answer, err := send(t, "http://granted.example/path")
	if err != nil || answer.Status != http.StatusOK {
		t.Fatal(answer, err)
	}
	for _, header := range answer.Headers {
		if header == (Header{"X-Asked", "http://granted.example/path"}) {
			return
		}
	}
	t.Fatal("the proxy was not asked", answer.Headers)
}

func TestARefusalOfTheProxyIsADenial(t *testing.T) {
	for _, at := range []string{"http://other.example/", "https://other.example/"} {
		_, err := send(t, at)
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Kind != Denied {
			t.Fatal(at, err)
		}
	}
}
