package packaging

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLinkerDropsUnusedMethods fails when something in the program calls methods
// by a name that is made at run time, as text/template does: then the linker must
// keep all methods of all types (docs/adr/0019-no-methods-by-name.md).
func TestLinkerDropsUnusedMethods(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it links the program")
	}
	if callers := callersByName(t, "../cmd/zancudo"); len(callers) > 0 {
		t.Errorf("the linker must keep every exported method, for these call methods by name: %s", strings.Join(callers, ", "))
	}
}

func TestLinkerKeepsMethodsCalledByName(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it links a program")
	}
	main := filepath.Join(t.TempDir(), "main.go")
	text := `package main

import (
	"os"
	"reflect"
)

func main() { reflect.ValueOf(os.Stdout).MethodByName(os.Args[0]).Call(nil) }
`
	if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if callers := callersByName(t, main); !slices.Contains(callers, "main.main") {
		t.Errorf("found %q without main.main: the test above would see nothing", callers)
	}
}

// callersByName links a program and returns which functions in it call methods
// by name, as the linker tells when it is asked for what depends on what.
func callersByName(t *testing.T, program string) (callers []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-dumpdep", "-o", filepath.Join(t.TempDir(), "program"), program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	graph, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	lines := bufio.NewScanner(graph)
	lines.Buffer(nil, 1<<20)
	edges := 0
	for lines.Scan() {
		from, _, ok := strings.Cut(lines.Text(), " -> ")
		if !ok {
			continue
		}
		edges++
		if name, marked := strings.CutSuffix(from, " <ReflectMethod>"); marked && !seen[name] {
			seen[name] = true
			callers = append(callers, name)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || edges == 0 {
		t.Fatalf("link %s: %v, and the linker told of %d dependencies", program, err, edges)
	}
	return callers
}
