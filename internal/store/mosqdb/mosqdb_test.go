package mosqdb_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/internal/store/mosqdb"
	"github.com/zancudomq/zancudo/packet"
)

// TestReal reads what Debian's Mosquitto writes when it stops.
func TestReal(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"mosquitto", "mosquitto_pub", "mosquitto_sub"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
				t.Fatal(err)
			}
			t.Skip("Mosquitto is not installed; Debian has it in mosquitto and mosquitto-clients")
		}
	}
	db, err := mosqdb.Parse(written(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(db.Clients) != 1 || db.Clients[0].ID != "sleeper" || !db.CleanShutdown {
		t.Errorf("clients: %+v, clean shutdown %v", db.Clients, db.CleanShutdown)
	}
	want := []mosqdb.Subscription{{ClientID: "sleeper", Subscription: packet.Subscription{Filter: "a/#", QoS: 2}}}
	if !slices.Equal(db.Subscriptions, want) {
		t.Errorf("subscriptions: got %+v, want %+v", db.Subscriptions, want)
	}
	var queued []string
	for _, q := range db.Queued {
		m := db.Messages[q.Message]
		queued = append(queued, fmt.Sprintf("%s %d %s %s %v", q.ClientID, q.QoS, m.Topic, m.Payload, q.Incoming))
	}
	if got := strings.Join(queued, ", "); got != "sleeper 1 a/one 1 false, sleeper 2 a/two 22 false" {
		t.Errorf("queued: %s", got)
	}
	if len(db.Retained) != 1 || db.Messages[db.Retained[0]].Topic != "kept" || string(db.Messages[db.Retained[0]].Payload) != "still" {
		t.Errorf("retained: %+v of %+v", db.Retained, db.Messages)
	}
	if m := db.Messages[db.Retained[0]]; m.Properties == nil || m.Properties.UserProperties[0] != (packet.UserProperty{Name: "unit", Value: "C"}) || !m.Retain {
		t.Errorf("retained: %+v", m)
	}
}

// written runs Mosquitto with a session, queued and retained messages, and
// returns its file.
func written(t *testing.T) []byte {
	t.Helper()
	dir, port := t.TempDir(), proctest.FreePort(t)
	conf := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\nuser root\n", port, dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(t.Context(), "mosquitto", "-c", conf)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"mosquitto_sub", "-V", "5", "-x", "3600", "-c", "-i", "sleeper", "-q", "2", "-t", "a/#", "-E"},
		{"mosquitto_pub", "-q", "1", "-t", "a/one", "-m", "1"},
		{"mosquitto_pub", "-q", "2", "-t", "a/two", "-m", "22"},
		{"mosquitto_pub", "-V", "5", "-q", "1", "-r", "-t", "kept", "-m", "still", "-D", "publish", "user-property", "unit", "C"},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], append(args[1:], "-h", "127.0.0.1", "-p", port)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	_ = server.Process.Signal(syscall.SIGTERM)
	_ = server.Wait()
	b, err := os.ReadFile(filepath.Join(dir, "mosquitto.db"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
