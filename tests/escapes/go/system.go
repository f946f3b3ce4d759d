package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const fastOpen = 0x20000000

// system are the deeds that reach out to the machine.
var system = map[string]func(words []string) (string, error){
	"stream":    func(w []string) (string, error) { return stream(count(w[0]), w[1]) },
	"fast-open": func(w []string) (string, error) { return quickly(w[0]) },
	"udp":       func(w []string) (string, error) { return udp(w[0]) },
	"fetch":     func(w []string) (string, error) { return fetch(w[0]) },
	"tunnel":    func(w []string) (string, error) { return tunnel(w[0]) },
	"listen":    func(w []string) (string, error) { return listen(count(w[0]), w[1]) },
	"unix":      func(w []string) (string, error) { return unix(w[0]) },
	"pair":      func(w []string) (string, error) { return pair(count(w[0])) },
	"read":      func(w []string) (string, error) { return opened(w[0], os.O_RDONLY) },
	"write":     func(w []string) (string, error) { return opened(w[0], os.O_RDWR) },
	"create":    func(w []string) (string, error) { return opened(w[0], os.O_RDWR|os.O_CREATE) },
	"list": func(w []string) (string, error) {
		entries, err := os.ReadDir(w[0])
		return strconv.Itoa(len(entries)), err
	},
	"enter":       func(w []string) (string, error) { return opened(w[0], 0x200000|syscall.O_DIRECTORY) },
	"link-target": func(w []string) (string, error) { return os.Readlink(w[0]) },
	"execute":     func(w []string) (string, error) { return execute(w[0]) },
	"run-own":     func(w []string) (string, error) { return runOwn(w[0]) },
	"daemon":      func(w []string) (string, error) { return daemon(w[0]) },
	"memory":      func(w []string) (string, error) { return memory(count(w[0])) },
	"shared":      func(w []string) (string, error) { return fill(w[0], count(w[1])) },
	"fill":        func(w []string) (string, error) { return fill("filled", count(w[0])) },
	"grow":        func(w []string) (string, error) { return grow(int64(count(w[0]))) },
	"descriptors": func(w []string) (string, error) { return descriptors(count(w[0])) },
	"files":       func(w []string) (string, error) { return files(count(w[0])) },
	"environment": func(w []string) (string, error) {
		value, there := os.LookupEnv(w[0])
		if !there {
			return "", os.ErrNotExist
		}
		return value, nil
	},
}

func count(word string) int {
	number, err := strconv.Atoi(word)
	if err != nil {
		panic(err)
	}
	return number
}

func address(text string) (int, syscall.Sockaddr, error) {
	resolved, err := net.ResolveTCPAddr("tcp", text)
	if err != nil {
		return 0, nil, err
	}
	if four := resolved.IP.To4(); four != nil {
		return syscall.AF_INET, &syscall.SockaddrInet4{Port: resolved.Port, Addr: [4]byte(four)}, nil
	}
	return syscall.AF_INET6, &syscall.SockaddrInet6{Port: resolved.Port, Addr: [16]byte(resolved.IP)}, nil
}

// with makes a socket for the time of some work with it.
func with(family, kind, protocol int, work func(socket int) error) (string, error) {
	socket, err := syscall.Socket(family, kind, protocol)
	if err != nil {
		return "", err
	}
	defer syscall.Close(socket)
	return "done", work(socket)
}

func stream(protocol int, to string) (string, error) {
	family, at, err := address(to)
	if err != nil {
		return "", err
	}
	return with(family, syscall.SOCK_STREAM, protocol, func(s int) error { return syscall.Connect(s, at) })
}

func quickly(to string) (string, error) {
	family, at, err := address(to)
	if err != nil {
		return "", err
	}
	return with(family, syscall.SOCK_STREAM, 0, func(s int) error {
		return syscall.Sendto(s, []byte("hello\n"), fastOpen, at)
	})
}

func udp(to string) (string, error) {
	family, at, err := address(to)
	if err != nil {
		return "", err
	}
	return with(family, syscall.SOCK_DGRAM, 0, func(s int) error {
		return syscall.Sendto(s, []byte("hello\n"), 0, at)
	})
}

// answered returns the outcome of a proxy's or a service's answer.
func answered(answer *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusForbidden {
		return "", fmt.Errorf("%w: %s", syscall.EACCES, answer.Status)
	}
	return answer.Status, nil
}

// fetch requests a page as programs do: by the proxy of the environment, and
// without it on loopback.
func fetch(from string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second}
	return answered(client.Get(from))
}

// tunnel asks the proxy for a connection.
func tunnel(to string) (string, error) {
	proxy, err := url.Parse(os.Getenv("HTTPS_PROXY"))
	if err != nil || proxy.Host == "" {
		return "", os.ErrNotExist
	}
	connection, err := net.Dial("tcp", proxy.Host)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	request := http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: to}, Host: to}
	if err := request.Write(connection); err != nil {
		return "", err
	}
	return answered(http.ReadResponse(bufio.NewReader(connection), &request))
}

func listen(protocol int, bind string) (string, error) {
	return with(syscall.AF_INET, syscall.SOCK_STREAM, protocol, func(s int) error {
		if bind != "no" {
			_, at, err := address(bind + ":0")
			if err != nil {
				return err
			}
			if err := syscall.Bind(s, at); err != nil {
				return err
			}
		}
		return syscall.Listen(s, 1)
	})
}

func unix(path string) (string, error) {
	return with(syscall.AF_UNIX, syscall.SOCK_STREAM, 0, func(s int) error {
		return syscall.Connect(s, &syscall.SockaddrUnix{Name: path})
	})
}

func pair(kind int) (string, error) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, kind, 0)
	if err != nil {
		return "", err
	}
	return "made", errors.Join(syscall.Close(ends[0]), syscall.Close(ends[1]))
}

func opened(path string, flags int) (string, error) {
	descriptor, err := syscall.Open(path, flags|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return "", err
	}
	defer syscall.Close(descriptor)
	if flags&(0x200000|os.O_RDWR) != 0 {
		return "opened", nil
	}
	got, err := syscall.Read(descriptor, make([]byte, 64))
	return strconv.Itoa(got) + " bytes", err
}

func execute(path string) (string, error) {
	out, err := exec.Command(path).Output()
	return string(out), err
}

func runOwn(directory string) (string, error) {
	path := filepath.Join(directory, "own-program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho run\n"), 0o755); err != nil {
		return "", err
	}
	return execute(path)
}

func daemon(marker string) (string, error) {
	command := exec.Command("/bin/sleep", marker)
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return "started", command.Start()
}

// memory maps memory, as a runtime does, and writes to it.
func memory(bytes int) (string, error) {
	flags := syscall.MAP_PRIVATE | syscall.MAP_ANON
	block, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, flags)
	if err != nil {
		return "", err
	}
	for at := 0; at < len(block); at += 4096 {
		block[at] = 1
	}
	return "written", syscall.Munmap(block)
}

func fill(path string, bytes int) (string, error) {
	file, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer os.Remove(path)
	defer file.Close()
	block := make([]byte, 1<<20)
	for range bytes >> 20 {
		if _, err := file.Write(block); err != nil {
			return "", err
		}
	}
	return "written", nil
}

func grow(bytes int64) (string, error) {
	file, err := os.Create("grown")
	if err != nil {
		return "", err
	}
	defer os.Remove("grown")
	defer file.Close()
	return "grown", file.Truncate(bytes)
}

func descriptors(number int) (string, error) {
	var open []int
	defer func() {
		for _, descriptor := range open {
			syscall.Close(descriptor)
		}
	}()
	for range number {
		descriptor, err := syscall.Open("/dev/null", syscall.O_CLOEXEC, 0)
		if err != nil {
			return "", err
		}
		open = append(open, descriptor)
	}
	return "opened", nil
}

func files(number int) (string, error) {
	if err := os.MkdirAll("many", 0o700); err != nil {
		return "", err
	}
	defer os.RemoveAll("many")
	for i := range number {
		if err := os.Mkdir("many/"+strconv.Itoa(i), 0o700); err != nil {
			return "", err
		}
	}
	return "made", nil
}
