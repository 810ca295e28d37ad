package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// broker is one that is measured, and what was found.
type broker struct {
	name    string
	version string
	column  int
	program string
	// args starts it on 127.0.0.1:port, with its state in dir.
	args     func(dir string, port int) ([]string, error)
	env      []string
	volatile bool // it keeps nothing on disk

	size   int64 // of the program, in bytes
	found  map[*state]*found
	stores map[*state]string // where its state is
}

// prepare builds and finds the programs, Zancudo as it is released.
func (o *options) prepare(ctx context.Context, dir string) ([]*broker, error) {
	zancudo, mochi := filepath.Join(dir, "zancudo"), filepath.Join(dir, "mochi")
	if err := build(ctx, "..", zancudo, "./cmd/zancudo"); err != nil {
		return nil, err
	}
	if err := build(ctx, ".", mochi, "./mochi"); err != nil {
		return nil, err
	}
	if _, err := os.Stat(o.mosquitto); err != nil {
		return nil, fmt.Errorf("-mosquitto %s: it is not there; install Debian's package mosquitto, or name its program", o.mosquitto)
	}
	packaged, err := os.ReadFile(filepath.Join("..", "packaging", "zancudo.conf"))
	if err != nil {
		return nil, fmt.Errorf("run footprint in the directory bench: %w", err)
	}
	conf := func(dir string, port int) ([]string, error) { return configure(string(packaged), dir, port) }
	mochiArgs := func(_ string, port int) ([]string, error) { return []string{fmt.Sprintf("127.0.0.1:%d", port)}, nil }
	help, _ := exec.CommandContext(ctx, o.mosquitto, "-h").Output() // its status is 3, whatever it says
	first, _, _ := strings.Cut(string(help), "\n")
	all := []*broker{
		{name: "Zancudo", version: "devel " + said(ctx, "git", "rev-parse", "--short", "HEAD"), program: zancudo, args: conf},
		{name: "Zancudo, one processor", program: zancudo, args: conf, env: []string{"GOMAXPROCS=1"}},
		{name: "Mosquitto", version: strings.TrimPrefix(first, "mosquitto version "), program: o.mosquitto, args: conf},
		{name: "mochi", version: said(ctx, "go", "list", "-m", "-f", "{{.Version}}", "github.com/mochi-mqtt/server/v2"), program: mochi, args: mochiArgs, volatile: true},
	}
	for i, b := range all {
		b.column, b.found, b.stores = i, make(map[*state]*found), make(map[*state]string)
	}
	return all, nil
}

// configure writes the packaged configuration for a directory and port of our
// own. Mosquitto understands every word of it.
func configure(packaged, dir string, port int) ([]string, error) {
	text := packaged
	for _, change := range []struct{ from, to string }{
		{"listener 1883 localhost", fmt.Sprintf("listener %d 127.0.0.1", port)},
		{"persistence_location /var/lib/zancudo/", "persistence_location " + dir + "/"},
		{"include_dir /etc/zancudo/conf.d", "user root"}, // who owns the directory here
	} {
		if !strings.Contains(text, change.from) {
			return nil, fmt.Errorf("the packaged configuration lacks %q", change.from)
		}
		text = strings.Replace(text, change.from, change.to, 1)
	}
	file := filepath.Join(dir, "broker.conf")
	return []string{"-c", file}, os.WriteFile(file, []byte(text), 0o644)
}

// build compiles a program as it is released; the directory is that of its
// module, seen from bench.
func build(ctx context.Context, dir, to, what string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", to, what)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s (run footprint in the directory bench): %w: %s", what, err, bytes.TrimSpace(out))
	}
	return nil
}

// said is the output of a command in one line, empty if it fails.
func said(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// size is that of a program, without the libraries that it needs.
func size(program string) (int64, error) {
	info, err := os.Stat(program)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
