package packaging

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// workshop is where packages are made, once for all tests.
type workshop struct {
	once sync.Once
	dir  string
	made release
	err  error
}

// release is what dist.sh has made for the system of this machine.
type release struct{ dir string }

// deb is the file of a package of Debian.
func (r release) deb(t *testing.T, name string) string {
	t.Helper()
	return r.file(t, name+"_*.deb")
}

// file is the only one that a pattern matches.
func (r release) file(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, pattern))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s is the name of %q, %v", pattern, files, err)
	}
	return files[0]
}

// files are all that users get.
func (r release) files(t *testing.T) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			all = append(all, e.Name())
		}
	}
	return all
}

var shop workshop

func TestMain(m *testing.M) {
	status := m.Run()
	_ = os.RemoveAll(shop.dir) // where nothing was made it is empty
	os.Exit(status)
}

// open makes the packages, in a directory that outlives the test that asks first.
func (w *workshop) open() {
	if w.dir, w.err = os.MkdirTemp("", "zancudo-packages-"); w.err == nil {
		w.made, w.err = makeRelease("..", filepath.Join(w.dir, "dist"))
	}
}

// need skips a test where a program is not installed.
func need(t *testing.T, program, debian string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		miss(t, "%s is not installed; it is in Debian's %s", program, debian)
	}
}

// miss skips a test for want of something that CI has.
func miss(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// made makes what there is for this machine.
func made(t *testing.T) release {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("packages are made on Linux")
	}
	need(t, "dpkg-deb", "dpkg")
	shop.once.Do(shop.open)
	if shop.err != nil {
		t.Fatal(shop.err)
	}
	return shop.made
}

// The packages of a test have this version and time, which need no history.
const (
	version = "0.1.0~test"
	epoch   = 1767225600
)

// system is what dist.sh calls that of this machine.
func system() string {
	if runtime.GOARCH == "arm" {
		return runtime.GOOS + "_arm7"
	}
	return runtime.GOOS + "_" + runtime.GOARCH
}

// makeRelease runs dist.sh of a checkout.
func makeRelease(checkout, dist string, environ ...string) (release, error) {
	c := exec.Command(filepath.Join(checkout, "packaging", "dist.sh"), "all", system())
	c.Env = append(os.Environ(), "DIST="+dist, "VERSION="+version, fmt.Sprint("SOURCE_DATE_EPOCH=", epoch))
	c.Env = append(c.Env, environ...)
	if out, err := c.CombinedOutput(); err != nil {
		return release{}, fmt.Errorf("make a release: %w\n%s", err, out)
	}
	return release{dist}, nil
}

// output is what a program prints; it must end with status 0.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	c := exec.CommandContext(t.Context(), name, args...)
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

func write(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
