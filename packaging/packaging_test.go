package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// exposure is ten times the highest score that systemd-analyze may give.
const exposure = "20"

var units = []struct {
	name, program string
	dropIns       []string
}{
	{"zancudo.service", "/usr/bin/zancudo", nil},
	{"zancudo.service", "/usr/bin/zancudo", []string{"low-ports.conf"}},
	{"mosquitto.service", "/usr/sbin/mosquitto", nil},
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// installed writes a unit as it would be with the program in a directory of the
// test, with the drop-ins that are given, and returns the path.
func installed(t *testing.T, unit, program string, dropIns []string) string {
	t.Helper()
	dir := t.TempDir()
	ours := filepath.Join(dir, filepath.Base(program))
	if err := os.WriteFile(ours, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := read(t, filepath.Join("systemd", unit))
	if !strings.Contains(text, "ExecStart="+program+" ") {
		t.Fatalf("%s does not start %s", unit, program)
	}
	parts := []string{text}
	for _, name := range dropIns {
		parts = append(parts, read(t, filepath.Join("systemd", name)))
	}
	path := filepath.Join(dir, unit)
	text = strings.ReplaceAll(strings.Join(parts, "\n"), program, ours)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnits(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze", "systemd")
	for _, u := range units {
		t.Run(strings.Join(append([]string{u.name}, u.dropIns...), " with "), func(t *testing.T) {
			t.Parallel()
			path := installed(t, u.name, u.program, u.dropIns)
			analyze(t, "verify", "--man=no", path)
			analyze(t, "security", "--offline=yes", "--no-pager", "--threshold="+exposure, path)
		})
	}
	t.Run("zancudo.socket", func(t *testing.T) {
		t.Parallel()
		service := installed(t, "zancudo.service", "/usr/bin/zancudo", nil)
		path := filepath.Join(filepath.Dir(service), "zancudo.socket") // it looks for the service beside it
		if err := os.WriteFile(path, []byte(read(t, "systemd/zancudo.socket")), 0o600); err != nil {
			t.Fatal(err)
		}
		analyze(t, "verify", "--man=no", path)
	})
}

func analyze(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", args...).CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
	case args[0] == "verify" && len(out) > 0: // it warns with status 0
		t.Errorf("systemd-analyze verify has something to say:\n%s", out)
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "zancudo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../cmd/zancudo")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	parts := filepath.Join(dir, "conf.d")
	if err := os.Mkdir(parts, 0o700); err != nil {
		t.Fatal(err)
	}
	text := read(t, "zancudo.conf")
	const included = "include_dir /etc/zancudo/conf.d\n"
	if !strings.Contains(text, included) {
		t.Fatalf("zancudo.conf has no %q", included)
	}
	path := filepath.Join(dir, "zancudo.conf")
	text = strings.Replace(text, included, "include_dir "+parts+"\n", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	check := func() (string, error) {
		out, err := exec.CommandContext(t.Context(), program, "check", "--strict", path).CombinedOutput()
		return string(out), err
	}
	if out, err := check(); err != nil {
		t.Errorf("zancudo check: %v\n%s", err, out)
	}
	// A listener for the network is what the file does not have, and a part can bring.
	if err := os.WriteFile(filepath.Join(parts, "open.conf"), []byte("listener 1884\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := check(); err == nil || !strings.Contains(out, "port 1884") {
		t.Errorf("zancudo check with an open listener in conf.d: %v\n%s", err, out)
	}
}
