package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// dial connects to a broker from inside of the sandbox, with TLS for mqtts. If the
// administrator granted named hosts, the process has no other way out than the
// server's proxy, which ALL_PROXY names. It connects to any granted port. Granted
// loopback addresses are reached directly.
func dial(broker *url.URL, timeout time.Duration) (net.Conn, error) {
	proxy, err := url.Parse(os.Getenv("ALL_PROXY"))
	through := err == nil && proxy.Host != "" && !isLoopback(broker.Hostname())
	address := broker.Host
	if through {
		address = proxy.Host
	}
	connection, err := net.DialTimeout("tcp", address, timeout)
	if err != nil {
		return nil, err
	}
	prepared, err := prepare(connection, broker, through, timeout)
	if err != nil {
		connection.Close()
		return nil, err
	}
	return prepared, nil
}

// prepare makes the tunnel and the encryption of a connection.
func prepare(connection net.Conn, broker *url.URL, through bool, timeout time.Duration) (net.Conn, error) {
	if err := connection.SetDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	if through {
		if err := tunnel(connection, broker.Host); err != nil {
			return nil, err
		}
	}
	if broker.Scheme == "mqtts" {
		encrypted := tls.Client(connection, &tls.Config{ServerName: broker.Hostname()})
		if err := encrypted.Handshake(); err != nil {
			return nil, err
		}
		connection = encrypted
	}
	return connection, connection.SetDeadline(time.Time{})
}

// tunnel has a proxy connect to an address. In MQTT and TLS the client speaks first,
// so that nothing follows the proxy's answer.
func tunnel(connection net.Conn, address string) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address}
	if err := request.Write(connection); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the way to %s is closed: %s", address, response.Status)
	}
	return nil
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
