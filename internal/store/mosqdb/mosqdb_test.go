package mosqdb_test

import (
	"encoding/binary"
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
	want := []mosqdb.Subscription{{ClientID: "sleeper", Filter: "a/#", QoS: 2}}
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
	if m := db.Messages[db.Retained[0]]; !strings.Contains(string(m.Properties), "unit") || !m.Retain {
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
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(10 * time.Millisecond) {
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

// header is the beginning of a file, and a first chunk that shows the order.
func header(version uint32, order binary.ByteOrder) []byte {
	b := append([]byte("\x00\xb5\x00mosquitto db"), 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, version)
	b = append(b, 0, 0, 0, 1, 0, 0, 0, 16)
	number := make([]byte, 8)
	order.PutUint64(number, 300)
	return append(append(b, number...), 1, 8, 0, 0, 0, 0, 0, 0)
}

func TestOrder(t *testing.T) {
	t.Parallel()
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		b := append(header(6, order), 0, 0, 0, 4, 0, 0, 0, 8)
		number := make([]byte, 8)
		order.PutUint64(number, 299)
		db, err := mosqdb.Parse(append(b, number...))
		if err != nil || len(db.Retained) != 1 || db.Retained[0] != 299 {
			t.Errorf("%v: %+v, %v", order, db, err)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	whole := header(6, binary.LittleEndian)
	for want, b := range map[string][]byte{
		"this is no persistence file of Mosquitto":                         []byte("SQLite format 3\x00 and more of it"),
		"the persistence file has version 4; versions 5 and 6 can be read": header(4, binary.LittleEndian),
		"byte 23: a chunk of 16 bytes, and the file has 15 more":           whole[:len(whole)-1],
		"byte 47: the file ends in a chunk header":                         append(slices.Clone(whole), 1),
		"byte 47: a chunk of unknown kind 9":                               append(slices.Clone(whole), 0, 0, 0, 9, 0, 0, 0, 0),
		"byte 47: a chunk of kind 4 is shorter than what it should hold":   append(slices.Clone(whole), 0, 0, 0, 4, 0, 0, 0, 1, 1),
	} {
		if _, err := mosqdb.Parse(b); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(header(6, binary.LittleEndian))
	f.Add(append(header(5, binary.BigEndian), 0, 0, 0, 6, 0, 0, 0, 1, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		db, err := mosqdb.Parse(b)
		if db == nil && err == nil {
			t.Error("neither a result nor an error")
		}
	})
}
