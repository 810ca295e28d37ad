//go:build linux

package packaging

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// An instruction of a recipe, with its lines joined.
type instruction struct{ verb, rest string }

// recipe reads the Dockerfile.
func recipe(t *testing.T) (all []instruction) {
	t.Helper()
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(read(t, "container/Dockerfile"), "")
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		if verb, rest, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			all = append(all, instruction{verb, strings.TrimSpace(rest)})
		}
	}
	return all
}

// last is what an instruction of the last stage says.
func last(t *testing.T, all []instruction, verb string) string {
	t.Helper()
	for _, i := range slices.Backward(all) {
		if i.verb == verb {
			return i.rest
		}
		if i.verb == "FROM" {
			break
		}
	}
	t.Fatalf("the last stage has no %s", verb)
	return ""
}

func list(t *testing.T, text string) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return words
}

// Without an engine, what of the recipe can be checked is: that the instructions
// exist, that what they copy from the checkout is there, that their lists are
// lists, and that the Go which they name is ours.
func TestRecipe(t *testing.T) {
	t.Parallel()
	all := recipe(t)
	known := []string{"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "VOLUME", "STOPSIGNAL", "HEALTHCHECK", "CMD"}
	for _, i := range all {
		if !slices.Contains(known, i.verb) {
			t.Errorf("%s: there is no such instruction", i.verb)
		}
		if from := strings.Fields(i.rest); i.verb == "COPY" && !strings.HasPrefix(from[0], "--from=") {
			for _, name := range from[:len(from)-1] {
				if _, err := os.Stat(filepath.Join("..", name)); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if from := last(t, all, "FROM"); from != "scratch" {
		t.Errorf("the image is made from %s", from)
	}
	if user := last(t, all, "USER"); user != "1883:1883" {
		t.Errorf("it runs as %s", user)
	}
	if got, want := list(t, last(t, all, "VOLUME")), []string{"/mosquitto/data", "/mosquitto/log"}; !slices.Equal(got, want) {
		t.Errorf("the volumes are %q", got)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	if want := "GO_VERSION=" + string(version[1]); !slices.Contains(all, instruction{"ARG", want}) {
		t.Errorf("it is not built with %s", want)
	}
}

// The compose file takes back what an image may not need, and its health check is
// the image's.
func TestCompose(t *testing.T) {
	t.Parallel()
	text := read(t, "container/compose.yaml")
	_, check, _ := strings.Cut(last(t, recipe(t), "HEALTHCHECK"), "CMD ")
	test := strings.Replace(check, "[", `test: ["CMD", `, 1)
	for _, want := range []string{test, "read_only: true", "cap_drop:\n      - ALL", "no-new-privileges:true", `"127.0.0.1:1883:1883"`, "- /tmp:"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q", want)
		}
	}
	for _, volume := range list(t, last(t, recipe(t), "VOLUME")) {
		if !strings.Contains(text, ":"+volume+"\n") {
			t.Errorf("it has nothing for %s", volume)
		}
	}
}

// enter runs a command in a file system of a container, with its root read-only,
// a private /tmp, and no right of an administrator.
const enter = `set -eu
root=$1 user=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
for volume in mosquitto/data mosquitto/log tmp; do mount --bind "$root/$volume" "$root/$volume"; done
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs chroot --userspec="$user:0" --groups= "$root" "$@"
`

// missing skips a test where something is not installed, unless all tests are asked
// for.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// image makes the root of the image with the program, and skips a test that may
// not use it.
func image(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 || exec.Command("unshare", "-m", "mount", "--make-rprivate", "/").Run() != nil {
		t.Skip("this test mounts file systems; run it as root, in a container with the right to mount")
	}
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); errors.Is(err, fs.ErrNotExist) {
		missing(t, "there are no certificates of authorities; they are in Debian's ca-certificates")
	}
	dir, err := os.MkdirTemp("", "image-") //nolint:usetesting // nobody else may enter what is above a TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program, root := filepath.Join(dir, "zancudo"), filepath.Join(dir, "root")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../cmd/zancudo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // there are no libraries in the image
	for _, cmd := range []*exec.Cmd{build, exec.CommandContext(t.Context(), "sh", "container/root.sh", program, root)} {
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	return root
}

// A container is a process that lives in the image.
type container struct {
	*testing.T
	root, user string
	cmd        *exec.Cmd
	out        bytes.Buffer
}

func (c *container) start(argv []string) {
	c.Helper()
	c.cmd = exec.Command("unshare", append([]string{"-m", "sh", "-c", enter, "enter", c.root, c.user}, argv...)...)
	c.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	if err := c.cmd.Start(); err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() {
		_ = c.cmd.Process.Kill() // fails where it has ended
		_ = c.cmd.Wait()
	})
}

// exec runs a command beside it, as docker exec does.
func (c *container) exec(argv ...string) (string, error) {
	inside := []string{
		"-m", "-t", strconv.Itoa(c.cmd.Process.Pid), "setpriv", "--no-new-privs",
		"chroot", "--userspec=" + c.user + ":0", "--groups=", c.root,
	}
	cmd := exec.CommandContext(c.Context(), "nsenter", append(inside, argv...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// await tries the health check until it passes, as an engine does.
func (c *container) await(check []string) {
	c.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		text, err := c.exec(check...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.Fatalf("the health check says\n%s", text)
		}
	}
}

// The image's command serves Debian's tools with a configuration that is mounted
// into it, as a user that nobody has thought of; what is retained outlives it.
func TestContainer(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mosquitto_pub"); err != nil {
		missing(t, "mosquitto_pub is not installed; it is in Debian's mosquitto-clients")
	}
	root, port := image(t), proctest.FreePort(t)
	if out, err := exec.Command("chroot", root, "/usr/bin/zancudo", "check", "/mosquitto/config/mosquitto.conf").CombinedOutput(); err != nil {
		t.Errorf("its own configuration: %v\n%s", err, out)
	}
	conf := strings.Replace(read(t, "container/mosquitto.conf"), "listener 1883", "listener "+port+" 127.0.0.1", 1) + "log_dest stderr\nlog_dest file /mosquitto/log/mosquitto.log\n"
	if err := os.WriteFile(filepath.Join(root, "mosquitto/config/mosquitto.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	// An engine writes this file into every container.
	if err := os.WriteFile(filepath.Join(root, "etc/hosts"), []byte("127.0.0.1 localhost\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, check, _ := strings.Cut(last(t, recipe(t), "HEALTHCHECK"), "CMD ")
	for run, user := range []string{"1000730000", "1000730000"} {
		c := &container{T: t, root: root, user: user}
		c.start(list(t, last(t, recipe(t), "CMD")))
		c.await(list(t, check))
		if run == 0 {
			if out, err := exec.Command("mosquitto_pub", "-p", port, "-t", "home/light", "-m", "on", "-q", "1", "-r").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s\n%s", err, out, &c.out)
			}
		}
		if out, err := exec.Command("mosquitto_sub", "-p", port, "-t", "home/#", "-C", "1", "-W", "30").CombinedOutput(); err != nil || string(out) != "on\n" {
			t.Errorf("run %d: got %q, %v", run, out, err)
		}
		if out, err := c.exec("/usr/bin/mosquitto_sub", "-p", port, "-t", "home/#", "-C", "1", "-W", "30"); err != nil || out != "on\n" {
			t.Errorf("run %d: inside, got %q, %v", run, out, err)
		}
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("it ends with %v\n%s", err, &c.out)
		}
		if strings.Contains(c.out.String(), "Warning: ") {
			t.Errorf("it warns\n%s", &c.out)
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "mosquitto/log/mosquitto.log")); err != nil || strings.Count(string(text), " terminating\n") != 2 {
		t.Errorf("the log is %v\n%s", err, text)
	}
}

// A directory of another user is named, with who may not write.
func TestContainerOfAnother(t *testing.T) {
	t.Parallel()
	root := image(t)
	if err := os.Chmod(filepath.Join(root, "mosquitto/data"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := &container{T: t, root: root, user: "4711"}
	c.start(list(t, last(t, recipe(t), "CMD")))
	if err := c.cmd.Wait(); err == nil || !strings.Contains(c.out.String(), "user id 4711 may not write there (/mosquitto/data belongs to user id 1883 with mode 0755)") {
		t.Errorf("%v\n%s", err, &c.out)
	}
}
