// Package tests builds a plugin from the module as Go's proxy serves it.
package tests

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module  = "github.com/mortise-plugins/mortise/guest-sdk/go"
	version = "v0.1.0"
	plugin  = `package main

import mortise "github.com/mortise-plugins/mortise/guest-sdk/go"

func init() {
	mortise.Export(mortise.Manifest{ID: "a.b", Name: "A", Version: "1.0.0"},
		func(host *mortise.Host) any { return host })
}

func main() { mortise.Run() }
`
)

func TestAPluginIsBuiltFromTheModulesZip(t *testing.T) {
	folder := t.TempDir()
	serve(t, filepath.Join(folder, "proxy"))
	own := filepath.Join(folder, "plugin")
	put(t, filepath.Join(own, "main.go"), plugin)
	put(t, filepath.Join(own, "go.mod"), "module example.org/a\n\ngo 1.24\n\nrequire "+module+" "+version+"\n")
	cached := strings.TrimSpace(run(t, own, nil, "env", "GOMODCACHE"))
	environment := []string{
		"GOPROXY=file://" + filepath.ToSlash(folder) + "/proxy,file://" + filepath.ToSlash(cached) + "/cache/download," +
			strings.TrimSpace(run(t, own, nil, "env", "GOPROXY")),
		"GOMODCACHE=" + filepath.Join(folder, "modules"),
		"GONOSUMDB=" + module,
		"GOFLAGS=-mod=mod -modcacherw",
	}
	run(t, own, environment, "build", "-o", "native", ".")
	run(t, own, append(environment, "GOOS=wasip1", "GOARCH=wasm"), "build", "-buildmode=c-shared", "-o", "core.wasm", ".")
}

// serve writes the module into the folder of a proxy: its regular files, as a
// link is none of a module's.
func serve(t *testing.T, proxy string) {
	at := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	goMod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(at, "list"), version+"\n")
	put(t, filepath.Join(at, version+".info"), `{"Version":"`+version+`","Time":"2026-01-01T00:00:00Z"}`)
	put(t, filepath.Join(at, version+".mod"), string(goMod))
	file, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	packed := zip.NewWriter(file)
	err = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			t.Errorf("%s is no regular file: the module would lack it", path)
			return nil
		}
		within, err := filepath.Rel("..", path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		to, err := packed.Create(module + "@" + version + "/" + filepath.ToSlash(within))
		if err != nil {
			return err
		}
		_, err = to.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, file, text string) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, folder string, environment []string, arguments ...string) string {
	command := exec.Command("go", arguments...)
	command.Dir = folder
	command.Env = append(os.Environ(), environment...)
	var said strings.Builder
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go %s: %s\n%s", strings.Join(arguments, " "), err, said.String())
	}
	return string(out)
}
