// Package zancudo_test guards the house: which package may import which, how large a file may grow,
// and that the documentation's commands work. It tests the tree it lies in, not one package.
package zancudo_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/zancudomq/zancudo"

// A room is one package directory. Its imports go to lower floors only; whatever else it may import stands in its row.
type room struct {
	dir     string
	floor   int
	pure    bool     // imports nothing of banned: bytes and time in, bytes out
	doors   []string // rooms on the same floor that it may import
	modules []string // third-party modules that live here and nowhere else
	lines   int      // most lines of non-test Go in the whole room, without comments and blanks; 0 is no limit
}

// testFloor holds what only tests import.
const testFloor = -1

// plan is the whole policy on imports. A new package is a new row; ARCHITECTURE.md explains the floors.
var plan = []room{
	// The door: picks a subcommand.
	{dir: "cmd/zancudo", floor: 5, lines: 80},

	// Floor 4: put together.
	{dir: "internal/cli", floor: 4, doors: []string{"internal/daemon"}, modules: []string{"golang.org/x/term"}},
	{dir: "internal/daemon", floor: 4, doors: []string{"internal/admin"}},
	{dir: "internal/admin", floor: 4},

	// Floor 3: adapters. They do not import each other, except through the doors named here.
	{dir: "internal/listen", floor: 3},
	{dir: "internal/service", floor: 3},
	{dir: "internal/ws", floor: 3},
	{dir: "internal/quic", floor: 3, modules: []string{"github.com/quic-go/quic-go"}},
	{dir: "internal/access", floor: 3}, // an Authorizer by rules
	{dir: "internal/auth", floor: 3, doors: []string{"internal/password"}},
	{dir: "internal/dynsec", floor: 3, doors: []string{"internal/control", "internal/password"}},
	{dir: "internal/password", floor: 3, modules: []string{
		"golang.org/x/crypto/argon2", "golang.org/x/crypto/bcrypt", "golang.org/x/text/unicode/bidi", "golang.org/x/text/unicode/norm",
	}},
	{dir: "internal/pki", floor: 3, modules: []string{"software.sslmate.com/src/go-pkcs12"}},
	{dir: "internal/store", floor: 3, modules: []string{"github.com/cockroachdb/pebble/v2"}},
	{dir: "internal/store/mosqdb", floor: 3},
	{dir: "internal/store/mosqlite", floor: 3, doors: []string{"internal/store/mosqdb"}}, // files of SQLite, row by row
	{dir: "internal/store/storetest", floor: testFloor},
	{dir: "internal/store/simulation", floor: testFloor}, // a whole broker whose power fails
	{dir: "internal/cluster", floor: 3, modules: []string{"github.com/nats-io/nats.go", "github.com/nats-io/nats-server/v2"}},
	{dir: "internal/bridge", floor: 3, doors: []string{"internal/client"}},
	{dir: "internal/client", floor: 3},
	{dir: "internal/dial", floor: 3, doors: []string{"internal/ws", "internal/psk"}},
	{dir: "internal/trust", floor: 3},                                                                         // certificates of listeners, and what they ask of clients
	{dir: "internal/psk", floor: 3},                                                                           // TLS with pre-shared keys
	{dir: "internal/doctor", floor: 3, doors: []string{"internal/dial", "internal/client", "internal/psk"}},   // goes the way of a client
	{dir: "internal/appliance", floor: 3, modules: []string{"go.yaml.in/yaml/v3", "golang.org/x/crypto/ssh"}}, // the seed of a machine without a screen
	{dir: "internal/bench", floor: 3},                                                                         // the load generator
	{dir: "internal/logs", floor: 3},
	{dir: "internal/metrics", floor: 3},
	{dir: "internal/control", floor: 3}, // the language of requests to $CONTROL
	{dir: "internal/console", floor: 3}, // requests to a running broker on this machine

	// Floor 2: the broker. It knows no adapter.
	{dir: "broker", floor: 2, lines: 5500},

	// Floor 1: rules.
	{dir: "internal/session", floor: 1, pure: true},
	{dir: "internal/fact", floor: 1, pure: true, doors: []string{"internal/session"}}, // the broker's state as keys and values
	{dir: "internal/alarm", floor: 1},                                                 // many alarms, one timer
	{dir: "internal/flags", floor: 1, pure: true},                                     // command lines
	{dir: "internal/acl", floor: 1, pure: true},
	{dir: "internal/atomicfile", floor: 1},          // files written whole or not at all
	{dir: "internal/ciphers", floor: 1, pure: true}, // OpenSSL's names of cipher suites
	{dir: "internal/config", floor: 1, pure: true},
	{dir: "internal/format", floor: 1, pure: true},    // what sub and rr print
	{dir: "internal/recording", floor: 1, pure: true}, // messages with their timing, in a file
	{dir: "internal/tree", floor: 1, pure: true},      // the screen of sub --tree

	// Floor 0: words and wire. They import nothing of ours.
	{dir: "packet", floor: 0, pure: true},
	{dir: "topic", floor: 0, pure: true},

	// The test floor: imported by _test.go files and by each other.
	{dir: "internal/memnet", floor: testFloor},
	{dir: "internal/mqtttest", floor: testFloor},
	{dir: "internal/history", floor: testFloor}, // what clients saw, and the invariants
	{dir: "internal/proctest", floor: testFloor},
	{dir: "internal/certtest", floor: testFloor}, // certificates
	{dir: "test/interop", floor: testFloor},      // other people's clients
	{dir: "test/machine", floor: testFloor},      // the package on a whole machine
	{dir: "packaging", floor: testFloor},         // the unit and the configuration of the service
	{dir: "internal/spec", floor: testFloor},
}

// banned is what a pure package does not import, with everything below it (net/http, os/exec, sync/atomic, log/slog).
var banned = []string{"net", "os", "sync", "log", "context"}

// configReaders are the only rooms that know the configuration language; adapters have Options of their own.
var configReaders = []string{"internal/daemon", "internal/cli"}

// testModules are third-party modules that only tests import; any test may.
var testModules = []string{
	"github.com/google/go-cmp",
	"github.com/rogpeppe/go-internal",
	"github.com/eclipse/paho.mqtt.golang",
	"github.com/eclipse/paho.golang",
}

const fileLines = 500 // of a file that is neither a test nor generated

// The rule for _test.go files: what their package may import, the test floor, testModules and, from floor 2 up and on the test floor, also
// broker, internal/client and everything below them. The tests of the pure floors stay on their floor: what is pure is
// tested without the shell. A test may use every package of the standard library. Tests in the module root go anywhere.

func TestFloorPlan(t *testing.T) {
	for _, problem := range inspect(t, os.DirFS(".")) {
		t.Error(problem)
	}
}

// inspect reads every Go file of the module, whatever system it is for, and returns what breaks the plan.
func inspect(t *testing.T, tree fs.FS) []string {
	t.Helper()
	var problems []string
	lines, documented := map[string]int{}, map[string]bool{}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return enter(tree, name)
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		problems = append(problems, inspectFile(name, file, bytes.Count(src, []byte("\n")))...)
		if dir := path.Dir(name); dir != "." && !strings.HasSuffix(name, "_test.go") {
			lines[dir] += codeLines(src)
			documented[dir] = documented[dir] || path.Base(name) == "doc.go" && file.Doc != nil
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir, n := range lines {
		if !documented[dir] {
			problems = append(problems, dir+": has no doc.go with a package comment")
		}
		if r, ok := find(dir); ok && r.lines > 0 && n > r.lines {
			problems = append(problems, fmt.Sprintf("%s: has %d lines, at most %d are planned", dir, n, r.lines))
		}
	}
	slices.Sort(problems)
	return problems
}

// codeLines counts the lines that are neither blank nor only a comment, as the
// linter does for a file.
func codeLines(src []byte) (n int) {
	for line := range bytes.Lines(src) {
		if line = bytes.TrimSpace(line); len(line) > 0 && !bytes.HasPrefix(line, []byte("//")) {
			n++
		}
	}
	return n
}

// enter skips what is not part of this module: data, hidden directories, nested modules.
func enter(tree fs.FS, dir string) error {
	base := path.Base(dir)
	if dir == "." {
		return nil
	}
	if base == "testdata" || base == "node_modules" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return fs.SkipDir
	}
	if _, err := fs.Stat(tree, path.Join(dir, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

func inspectFile(name string, file *ast.File, lines int) []string {
	dir, test := path.Dir(name), strings.HasSuffix(name, "_test.go")
	var problems []string
	say := func(format string, args ...any) {
		problems = append(problems, name+": "+fmt.Sprintf(format, args...))
	}
	if dir == "." {
		if !test {
			say("the module root holds tests only; put code into a package of its own")
		}
		return problems
	}
	from, ok := find(dir)
	if !ok {
		say("%s is not on the plan; add a row for it to plan in floorplan_test.go, on the lowest floor that serves it", dir)
		return problems
	}
	if !test && !ast.IsGenerated(file) && lines > fileLines {
		say("has %d lines, at most %d are allowed", lines, fileLines)
	}
	for _, decl := range file.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			say("has an init function; daemon names everything in plain code")
		}
	}
	for _, spec := range file.Imports {
		target, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			say("import %s: %v", spec.Path.Value, err)
			continue
		}
		if reason := closed(from, target, test); reason != "" {
			say("must not import %s: %s", target, reason)
		}
	}
	return problems
}

// closed tells why from must not import target; empty means that the door is on the plan.
func closed(from room, target string, test bool) string {
	first, _, _ := strings.Cut(target, "/")
	switch {
	case target == "C":
		return "the product is built without cgo"
	case target == module || strings.HasPrefix(target, module+"/"):
		to, ok := find(strings.TrimPrefix(target, module+"/"))
		if !ok {
			return "it is not on the plan in floorplan_test.go"
		}
		return closedRoom(from, to, test)
	case strings.Contains(first, "."):
		return closedModule(from, target, test)
	case from.pure && !test && slices.ContainsFunc(banned, func(b string) bool { return within(target, b) }):
		return from.dir + " is pure: bytes and time in, bytes out"
	}
	return ""
}

func closedRoom(from, to room, test bool) string {
	switch {
	case from.dir == to.dir: // an external test and its package
		return ""
	case to.floor == testFloor:
		if test || from.floor == testFloor {
			return ""
		}
		return "only tests import the test floor"
	case to.dir == "internal/config" && !slices.Contains(configReaders, from.dir):
		return "only " + strings.Join(configReaders, " and ") + " read the configuration; take an Options of your own"
	case from.floor == testFloor:
		if to.floor <= 2 || within(from.dir, to.dir) || test && to.dir == "internal/client" {
			return ""
		}
		return "the test floor stands on floors 0 to 2"
	case to.floor < from.floor, slices.Contains(from.doors, to.dir):
		return ""
	case within(from.dir, to.dir), within(to.dir, from.dir): // store and store/mosqdb
		return ""
	case test && from.floor >= 2 && (to.floor <= 2 || to.dir == "internal/client"):
		return ""
	case to.floor == from.floor:
		return fmt.Sprintf("both are on floor %d; imports go down only", to.floor)
	}
	return fmt.Sprintf("imports go down only, and it is on floor %d, above floor %d", to.floor, from.floor)
}

func closedModule(from room, target string, test bool) string {
	holds := func(m string) bool { return within(target, m) }
	if slices.ContainsFunc(testModules, holds) {
		if test || from.floor == testFloor {
			return ""
		}
		return "only tests import it"
	}
	for _, r := range plan {
		if slices.ContainsFunc(r.modules, holds) {
			if r.dir == from.dir || from.floor == testFloor && within(from.dir, r.dir) { // store and store/storetest
				return ""
			}
			return "its one room is " + r.dir
		}
	}
	if from.floor >= 0 && from.floor < 3 {
		return "below floor 3 there is the standard library only"
	}
	return "no room holds it; name it in one room's modules in floorplan_test.go and give the reason in docs/adr"
}

func find(dir string) (room, bool) {
	i := slices.IndexFunc(plan, func(r room) bool { return r.dir == dir })
	if i < 0 {
		return room{}, false
	}
	return plan[i], true
}

// within reports whether target is root or lies below it.
func within(target, root string) bool {
	return target == root || strings.HasPrefix(target, root+"/")
}

// TestPlanIsSound keeps the table itself honest.
func TestPlanIsSound(t *testing.T) {
	rows, homes := map[string]bool{}, map[string]string{}
	for _, r := range plan {
		if rows[r.dir] {
			t.Errorf("%s has two rows", r.dir)
		}
		rows[r.dir] = true
		if r.pure && r.floor > 1 {
			t.Errorf("%s is pure on floor %d; rules and words live on floors 0 and 1", r.dir, r.floor)
		}
		if len(r.modules) > 0 && r.floor < 3 {
			t.Errorf("%s is below floor 3 and holds a third-party module", r.dir)
		}
		for _, m := range r.modules {
			if home, taken := homes[m]; taken {
				t.Errorf("%s has two rooms, %s and %s", m, home, r.dir)
			}
			homes[m] = r.dir
		}
		for _, door := range r.doors {
			if to, ok := find(door); !ok || to.floor != r.floor {
				t.Errorf("%s has a door to %s, which is not a room on its floor", r.dir, door)
			}
		}
	}
}
