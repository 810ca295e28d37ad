package simulation_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A bug is a change of one place in the source that the stories must notice. All
// of them are built into one copy of the tests, where SEEDED is whether this bug
// was asked for; the product's own source is not touched.
type bug struct{ name, file, old, mutant string }

var bugs = []bug{
	{
		"acknowledge before the sync", "broker/journal.go",
		"err := j.store.Append(facts, d)", "if SEEDED { d = Eventually }; err := j.store.Append(facts, d)",
	},
	{
		"forget the tail of a queue at a restart", "broker/restore.go",
		"cl.session.Restore(q.Record)", "if !SEEDED || paged == 0 { cl.session.Restore(q.Record) }",
	},
	{
		"forget that a message is released", "broker/batch.go",
		"func (w *batch) release(sid, number uint64) {", "func (w *batch) release(sid, number uint64) { if SEEDED { return }",
	},
	{
		"forget to store a SUBSCRIBE", "broker/subscribe.go",
		"if c.client.sid == 0 || len(made) == 0 {", "if c.client.sid == 0 || len(made) == 0 || SEEDED {",
	},
	{
		"forget what came with QoS 2", "broker/batch.go",
		"func (w *batch) receive(sid uint64, id uint16) {", "func (w *batch) receive(sid uint64, id uint16) { if SEEDED { return }",
	},
	{
		"keep what was released", "broker/batch.go",
		"func (w *batch) received(sid uint64, id uint16) {", "func (w *batch) received(sid uint64, id uint16) { if SEEDED { return }",
	},
	{
		"deliver without storing", "internal/session/push.go",
		"	if s.durable {\n", "	if s.durable && !SEEDED {\n",
	},
	{
		"deliver before it is stored", "broker/journal.go",
		"err := b.appendBatch(w)", "if SEEDED { b.fulfil(s, 0, nil) }; err := b.appendBatch(w)",
	},
	{
		"forget to remove a retained message", "broker/journal.go",
		"func (w *batch) retain(topic string, r *retained) {", "func (w *batch) retain(topic string, r *retained) { if SEEDED && r == nil { return }",
	},
	{
		"acknowledge retained messages early", "broker/journal.go",
		"		s.batch.mustLast()\n", "		if !SEEDED { s.batch.mustLast() }\n",
	},
	{
		"lose the wills at a restart", "broker/restore.go",
		"cl.session.Will = f.Will", "if !SEEDED { cl.session.Will = f.Will }",
	},
	{
		"publish the will after a DISCONNECT", "broker/expiry.go",
		"	if !keepWill {\n", "	if !keepWill && !SEEDED {\n",
	},
	{
		"restore sessions without subscriptions", "broker/restore.go",
		"func (r *restoring) subscription(key, value []byte) error {",
		"func (r *restoring) subscription(key, value []byte) error { if SEEDED { return nil }",
	},
	{
		"restore sessions without their expiry", "broker/restore.go",
		"cl.session.SetExpiry(f.Expiry)", "if !SEEDED { cl.session.SetExpiry(f.Expiry) }",
	},
	{
		"use numbers again", "internal/session/durable.go",
		"q.number, q.restored = r.Number, r.Number", "if !SEEDED { q.number = r.Number }; q.restored = r.Number",
	},
	{
		"remove a shared body too early", "broker/journal.go",
		"	if j.needs[body] > 0 {\n", "	if j.needs[body] > 0 && !SEEDED {\n",
	},
	{
		"do not count who needs a body at a restart", "broker/restore.go",
		"r.journal.ref(q.Body)", "if !SEEDED { r.journal.ref(q.Body) }",
	},
	{
		"forget a message when it is sent", "internal/session/push.go",
		"		q.launch(e)\n", "		q.launch(e); if SEEDED { s.end(&e) }\n",
	},
	{
		"send under other identifiers after a restart", "internal/session/durable.go",
		"q.open < underWay && q.align(r.Number):", "q.open < underWay && (SEEDED || q.align(r.Number)):",
	},
	{
		"lose a message between memory and store", "broker/keep.go",
		"if lost := cl.session.Page(from, n, records); lost > 0 {",
		"if SEEDED && len(records) > 1 { records = records[1:] }; if lost := cl.session.Page(from, n, records); lost > 0 {",
	},
	{
		"leave an old session in the store", "broker/keep.go",
		"func (b *Broker) erase(cl *client, left *remains) {", "func (b *Broker) erase(cl *client, left *remains) { if SEEDED { return }",
	},
	{
		"answer for what an earlier connection has taken", "broker/client.go",
		"func (cl *client) awaitStore() {", "func (cl *client) awaitStore() { if SEEDED { return }",
	},
	{
		"resume on an old fact", "broker/keep.go",
		"func (cl *client) misleading() bool {", "func (cl *client) misleading() bool { if SEEDED { return false }",
	},
}

const seededVariable = "ZANCUDO_SEEDED_BUG"

// overlay writes the sources with the bugs in a directory, and what `go build
// -overlay` reads.
func overlay(t *testing.T, root string) string {
	t.Helper()
	dir, sources := t.TempDir(), map[string]string{}
	for _, b := range bugs {
		name := filepath.Join(root, b.file)
		if sources[name] == "" {
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			sources[name] = string(source)
		}
		if n := strings.Count(sources[name], b.old); n != 1 {
			t.Fatalf("%s: %q is %d times in %s, want once: the bug must follow the source", b.name, b.old, n, b.file)
		}
		sources[name] = strings.Replace(sources[name], b.old, strings.ReplaceAll(b.mutant, "SEEDED", fmt.Sprintf("seeded(%q)", b.name)), 1)
	}
	for _, room := range []string{"broker", "session"} {
		name := filepath.Join(root, map[string]string{"broker": "broker", "session": "internal/session"}[room], "seeded.go")
		sources[name] = "package " + room + "\nimport \"os\"\nvar asked = os.Getenv(\"" + seededVariable + "\")\nfunc seeded(name string) bool { return asked == name }\n"
	}
	replace := map[string]string{}
	for name, source := range sources {
		copied := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(copied, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[name] = copied
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestSeededBugs: a test that cannot fail proves nothing. It builds this test with
// all the bugs in it and asks for one after the other.
func TestSeededBugs(t *testing.T) {
	if testing.Short() || os.Getenv("ZANCUDO_TEST_ALL") != "1" {
		t.Skip("set ZANCUDO_TEST_ALL=1 to build the broker with bugs and see that they are found; it takes two minutes")
	}
	if raced {
		t.Skip("what is built here has no race detector: the test says the same without it")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "buggy.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", overlay(t, root), "-o", binary, ".")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if said, err := tellWith(t, binary, "", 100); err != nil {
		t.Fatalf("without a bug: %v: %.3000s", err, said)
	}
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			start := time.Now()
			said, err := tellWith(t, binary, b.name, 4000)
			switch {
			case err == nil:
				t.Error("nothing noticed the bug")
			case !bytes.Contains(said, []byte("promises are broken")):
				t.Errorf("it ended otherwise: %v: %.2000s", err, said)
			default:
				_, found, _ := bytes.Cut(said, []byte("broken:\n"))
				first, _, _ := bytes.Cut(found, []byte("\n"))
				t.Logf("after %.1f s:%.200s", time.Since(start).Seconds(), first)
			}
		})
	}
}

// tellWith lets a test binary tell up to n stories, with a bug.
func tellWith(t *testing.T, binary, name string, n int) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "-test.run", "^TestPowerFailures$", "-test.timeout", "300s")
	cmd.Env = append(os.Environ(), fmt.Sprintf("ZANCUDO_STORIES=%d", n), seededVariable+"="+name)
	return cmd.CombinedOutput()
}
