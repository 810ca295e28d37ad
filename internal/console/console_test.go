package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/console"
)

func TestCall(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	l, err := console.Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		ended <- console.Serve(l, map[string]console.Handler{
			"double": func(_ context.Context, in []byte) (any, error) {
				var n int
				err := json.Unmarshal(in, &n)
				return 2 * n, err
			},
			"whole": func(context.Context, []byte) (any, error) {
				return console.Stream(func(w io.Writer) error {
					_, err := w.Write(bytes.Repeat([]byte("bytes\x00"), 100_000))
					return err
				}), nil
			},
			"broken": func(context.Context, []byte) (any, error) {
				return console.Stream(func(w io.Writer) error {
					io.WriteString(w, "some")
					return errors.New("a sentence\nof two lines")
				}), nil
			},
			"fail": func(context.Context, []byte) (any, error) { return nil, errors.New("a sentence\nof two lines") },
		})
	}()
	// A socket that nobody answers on is removed.
	dead := filepath.Join(dir, "1.sock")
	stale, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	if err := os.WriteFile(filepath.Join(dir, "note"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	running, err := console.Find(dir)
	if err != nil || len(running) != 1 || running[0].PID != os.Getpid() {
		t.Fatalf("found %v, %v", running, err)
	}
	if _, err := os.Lstat(dead); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket of a dead broker is still there: %v", err)
	}
	b := running[0]
	var n int
	if err := b.Call(t.Context(), "double", 21, &n); err != nil || n != 42 {
		t.Errorf("got %d, %v", n, err)
	}
	for name, want := range map[string]string{"fail": "a sentence\nof two lines", "unknown": "this broker knows no request 'unknown'"} {
		var told *console.Error
		if err := b.Call(t.Context(), name, nil, nil); !errors.As(err, &told) || told.Text != want {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if err := b.Call(t.Context(), "double", "x", &n); err == nil {
		t.Error("a request that is no number was answered")
	}
	var got bytes.Buffer
	if err := b.Fetch(t.Context(), "whole", nil, &got); err != nil || got.Len() != 600_000 {
		t.Errorf("fetched %d bytes, %v", got.Len(), err)
	}
	for name, want := range map[string]string{"broken": "a sentence\nof two lines", "fail": "a sentence\nof two lines"} {
		var told *console.Error
		if err := b.Fetch(t.Context(), name, nil, io.Discard); !errors.As(err, &told) || told.Text != want {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve returned %v", err)
	}
	if running, err := console.Find(dir); err != nil || len(running) != 0 {
		t.Errorf("found %v, %v after the end", running, err)
	}
	if err := b.Call(t.Context(), "double", 1, &n); err == nil {
		t.Error("a broker that has ended answers")
	}
}

func TestListenRefusesPublicDirectories(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := console.Listen(dir); err == nil || !strings.Contains(err.Error(), "its mode is 0777") {
		t.Errorf("got %v", err)
	}
}

func TestDir(t *testing.T) {
	t.Parallel()
	env := map[string]string{"RUNTIME_DIRECTORY": "/run/one:/run/two"}
	if got := console.Dir(func(name string) string { return env[name] }); got != "/run/one" {
		t.Errorf("got %s", got)
	}
	if got := console.Dir(func(string) string { return "" }); !strings.Contains(got, "zancudo") {
		t.Errorf("got %s", got)
	}
}
