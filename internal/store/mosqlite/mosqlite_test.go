package mosqlite_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/store/mosqdb"
	"github.com/zancudomq/zancudo/internal/store/mosqlite"
	"github.com/zancudomq/zancudo/packet"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

// schema is that of the plugin.
const schema = `PRAGMA page_size=%d; PRAGMA journal_mode=WAL;
CREATE TABLE base_msgs (store_id INT64 PRIMARY KEY, expiry_time INT64, topic STRING NOT NULL, payload BLOB, source_id STRING, source_username STRING,
 payloadlen INTEGER, source_mid INTEGER, source_port INTEGER, qos INTEGER, retain INTEGER, properties STRING);
CREATE TABLE retains (topic STRING PRIMARY KEY, store_id INT64);
CREATE TABLE clients (client_id TEXT PRIMARY KEY, username TEXT, connection_time INT64, will_delay_time INT64, session_expiry_time INT64,
 listener_port INT, max_packet_size INT, max_qos INT, retain_available INT, session_expiry_interval INT, will_delay_interval INT);
CREATE TABLE subscriptions (client_id TEXT NOT NULL, topic TEXT NOT NULL, subscription_options INTEGER, subscription_identifier INTEGER, PRIMARY KEY (client_id, topic));
CREATE TABLE client_msgs (client_id TEXT NOT NULL, store_id INT64, dup INTEGER, direction INTEGER, mid INTEGER, qos INTEGER, retain INTEGER, state INTEGER);
CREATE INDEX client_msgs_client_id ON client_msgs(client_id);
CREATE TABLE wills (client_id TEXT PRIMARY KEY, payload BLOB, topic STRING NOT NULL, payloadlen INTEGER, qos INTEGER, retain INTEGER, properties STRING);
CREATE TABLE version_info (component TEXT NOT NULL, major INTEGER NOT NULL, minor INTEGER NOT NULL, patch INTEGER NOT NULL);
INSERT INTO version_info VALUES ('database_schema','1','0','0');
INSERT INTO client_msgs VALUES ('five',3,0,1,1,1,0,3);
ALTER TABLE client_msgs ADD COLUMN cmsg_id INT64;
ALTER TABLE client_msgs ADD COLUMN subscription_identifier INT;
`

// state is what the tests have the database hold, in parts.
func state(messages int) []string {
	var b strings.Builder
	b.WriteString(`INSERT INTO clients VALUES ('five','joe',0,0,1700003600,1883,0,2,1,3600,5),('three',NULL,0,0,0,1883,0,2,1,4294967295,0),('007',NULL,0,0,0,0,0,2,1,-1,0);
INSERT INTO subscriptions VALUES ('five','a/#',46,300),('five','$share/g/s',1,0),('three','#',2,0);
INSERT INTO base_msgs VALUES (1,1700000000,'a/1',x'6f6e65','pub','joe',3,7,1883,1,0,'[{"identifier":"content-type","value":"text"},{"identifier":"correlation-data","value":"00ff"},{"identifier":"user-property","name":"k","value":"v"},{"identifier":"payload-format-indicator","value":1}]');
INSERT INTO base_msgs VALUES (2,0,'42',NULL,'12',NULL,0,0,0,2,1,NULL),(3,0,'kept',x'00','pub',NULL,1,0,0,0,1,NULL),(4,0,'1.50',x'00','pub',NULL,1,0,0,0,1,NULL);
INSERT INTO retains VALUES ('kept',3),('42',2);
INSERT INTO wills VALUES ('five',x'676f6e65','will',4,1,0,NULL),('nobody',NULL,'will',0,1,0,NULL);
INSERT INTO client_msgs VALUES ('five',1,1,1,2,1,1,3,9,300),('three',2,0,0,4,2,0,7,1,0);
`)
	parts := []string{b.String()}
	for n := range messages {
		parts = append(parts, fmt.Sprintf("INSERT INTO base_msgs VALUES (%d,0,'long/%d',CAST(printf('%%.*c',%d,'x') AS BLOB),'pub',NULL,0,0,0,1,0,NULL);\nINSERT INTO client_msgs VALUES ('three',%d,0,1,%d,1,0,11,%d,0);\n",
			1000+n, n, size(n), 1000+n, n+1, n))
	}
	return parts
}

// size is how long the n-th message is: some have pages of their own.
func size(n int) int { return 1 + n*n*37%20_000 }

func want(messages int) *mosqdb.DB {
	m := func(topic, payload, source string, qos packet.QoS, retain bool) *mosqdb.Message {
		return &mosqdb.Message{Message: packet.Message{Topic: topic, Payload: []byte(payload), QoS: qos, Retain: retain}, SourceID: source}
	}
	one := m("a/1", "one", "pub", 1, false)
	one.SourceUsername, one.SourcePort, one.SourcePacketID, one.Expires = "joe", 1883, 7, time.Unix(1_700_000_000, 0).UTC()
	one.Properties = &packet.MessageProperties{ContentType: "text", PayloadIsUTF8: true, CorrelationData: []byte{0, 255}, UserProperties: []packet.UserProperty{{Name: "k", Value: "v"}}}
	two := m("42", "", "12", 2, true)
	two.Payload = nil
	will := &packet.Will{DelayInterval: 5, Message: packet.Message{Topic: "will", Payload: []byte("gone"), QoS: 1}}
	db := &mosqdb.DB{
		Version: 1, CleanShutdown: true, Retained: []uint64{3, 2},
		Messages: map[uint64]*mosqdb.Message{1: one, 2: two, 3: m("kept", "\x00", "pub", 0, true)},
		Clients: []mosqdb.Client{
			{ID: "five", Username: "joe", OwnerKnown: true, ExpiresAt: time.Unix(1_700_003_600, 0).UTC(), ExpiryInterval: 3600, ListenerPort: 1883, Will: will, WillDelay: 5},
			{ID: "three", OwnerKnown: true, ExpiryInterval: 0xFFFFFFFF, ListenerPort: 1883},
			{ID: "007", OwnerKnown: true, ExpiryInterval: 0xFFFFFFFF},
		},
		Subscriptions: []mosqdb.Subscription{
			{ClientID: "five", Subscription: packet.Subscription{Filter: "a/#", QoS: 2, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}, Identifier: 300},
			{ClientID: "five", Subscription: packet.Subscription{Filter: "$share/g/s", QoS: 1}},
			{ClientID: "three", Subscription: packet.Subscription{Filter: "#", QoS: 2}},
		},
		Queued: []mosqdb.Queued{
			{ClientID: "five", Message: 3, PacketID: 1, QoS: 1, State: 3},
			{ClientID: "five", Message: 1, PacketID: 2, QoS: 1, State: 3, Retain: true, Dup: true, IDs: []uint32{300}},
			{ClientID: "three", Message: 2, PacketID: 4, QoS: 2, State: 7, Incoming: true},
		},
	}
	for n := range messages {
		db.Messages[uint64(1000+n)] = m(fmt.Sprintf("long/%d", n), strings.Repeat("x", size(n)), "pub", 1, false)
		db.Queued = append(db.Queued, mosqdb.Queued{ClientID: "three", Message: uint64(1000 + n), PacketID: uint16(n + 1), QoS: 1, State: 11})
	}
	return db
}

// differ compares what was read with what should be there, and what was told.
func differ(t *testing.T, got, want *mosqdb.DB) {
	t.Helper()
	var left []string
	for _, l := range got.Left {
		left = append(left, l.String())
	}
	wantLeft := []string{`message of "1.5": the database has its topic as a number, and how it was written is lost`, `will of "nobody": the client has no session`}
	if diff := cmp.Diff(wantLeft, left); diff != "" {
		t.Errorf("left out:\n%s", diff)
	}
	same := *got
	same.Left = nil
	empty := cmp.Transformer("empty", func(b []byte) string { return string(b) })
	if diff := cmp.Diff(want, &same, empty); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

// sqlite runs the program on a database. Without a clean end it is killed, when it
// has done all that it was told.
func sqlite(t *testing.T, file string, clean bool, statements ...string) {
	t.Helper()
	if _, err := exec.LookPath("sqlite3"); err != nil {
		if os.Getenv("ZANCUDO_TEST_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip("sqlite3 is not installed; Debian has it in the package sqlite3")
	}
	cmd := exec.CommandContext(t.Context(), "sqlite3", "-batch", "-bail", file)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, strings.Join(statements, "")+"\n.print done\n")
	if clean {
		_ = in.Close()
	}
	said := make([]byte, 0, 100)
	for !bytes.Contains(said, []byte("done")) {
		b := make([]byte, 100)
		n, err := out.Read(b)
		if err != nil {
			t.Fatalf("sqlite3: %v, %s", err, &errs)
		}
		said = append(said, b[:n]...)
	}
	if !clean {
		_ = cmd.Process.Kill()
	}
	if err := cmd.Wait(); err != nil && clean {
		t.Fatalf("sqlite3: %v, %s", err, &errs)
	}
}

// TestRead reads what SQLite has written: with pages of all sizes, with and
// without a clean end, and with a transaction that had not ended.
func TestRead(t *testing.T) {
	t.Parallel()
	for _, size := range []int{512, 4096, 65536} {
		for _, clean := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d-%v", size, clean), func(t *testing.T) {
				t.Parallel()
				const messages = 300
				file := filepath.Join(t.TempDir(), "mosquitto.sqlite3")
				parts := state(messages)
				sqlite(t, file, true, fmt.Sprintf(schema, size), "BEGIN;", strings.Join(parts[:100], ""), "COMMIT;")
				sqlite(t, file, clean, "BEGIN;", strings.Join(parts[100:], ""), "COMMIT;",
					"BEGIN; DELETE FROM clients; PRAGMA cache_spill=1; PRAGMA cache_size=1; UPDATE base_msgs SET topic='changed';", map[bool]string{true: "ROLLBACK;"}[clean])
				_, err := os.Stat(file + "-wal")
				if clean == (err == nil) {
					t.Errorf("the log after a clean end %v: %v", clean, err)
				}
				got, err := mosqlite.Read(file)
				if err != nil {
					t.Fatal(err)
				}
				differ(t, got, want(messages))
			})
		}
	}
}

// TestGolden reads files that were written by sqlite3 3.40 and left by a kill.
func TestGolden(t *testing.T) {
	t.Parallel()
	golden := filepath.Join("testdata", "mosquitto.sqlite3")
	if *update {
		file := filepath.Join(t.TempDir(), "mosquitto.sqlite3")
		sqlite(t, file, true, fmt.Sprintf(schema, 512))
		sqlite(t, file, false, strings.Join(state(3), ""))
		for _, end := range []string{"", "-wal"} {
			b, err := os.ReadFile(file + end)
			if err == nil {
				err = os.WriteFile(golden+end, b, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := mosqlite.Read(golden)
	if err != nil {
		t.Fatal(err)
	}
	differ(t, got, want(3))
}

func read(tb testing.TB) (file, log []byte) {
	tb.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", "mosquitto.sqlite3"))
	if err != nil {
		tb.Fatal(err)
	}
	log, err = os.ReadFile(filepath.Join("testdata", "mosquitto.sqlite3-wal"))
	if err != nil {
		tb.Fatal(err)
	}
	return file, log
}

// A log that is cut, or damaged, ends with the last transaction before that.
func TestLogCut(t *testing.T) {
	t.Parallel()
	file, log := read(t)
	before := 0
	for n := 0; n < len(log); n += 211 {
		db, err := mosqlite.Parse(file, log[:n])
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if len(db.Queued) < before {
			t.Fatalf("cut at %d it has %d queued messages, and %d before", n, len(db.Queued), before)
		}
		before = len(db.Queued)
	}
	if before < 3 {
		t.Errorf("without the last byte it has %d queued messages", before)
	}
	log[40] ^= 1 // in the first frame
	if db, err := mosqlite.Parse(file, log); err != nil || len(db.Clients) != 0 {
		t.Errorf("with a damaged log: %v, %d clients", err, len(db.Clients))
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	other := filepath.Join(dir, "other.sqlite3")
	sqlite(t, other, true, "CREATE TABLE a (b); ")
	newer := filepath.Join(dir, "newer.sqlite3")
	sqlite(t, newer, true, fmt.Sprintf(schema, 4096), "UPDATE version_info SET major=2;")
	wide := filepath.Join(dir, "wide.sqlite3")
	sqlite(t, wide, true, "PRAGMA encoding='UTF-16'; CREATE TABLE a (b);")
	journal := filepath.Join(dir, "journal.sqlite3")
	sqlite(t, journal, true, "CREATE TABLE a (b);")
	text := filepath.Join(dir, "text")
	if err := errors.Join(os.WriteFile(text, []byte("hello"), 0o600), os.WriteFile(journal+"-journal", []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		text:    "this is no database of SQLite 3",
		other:   "it is a database of SQLite, and not of Mosquitto: it has no table client_msgs",
		newer:   "the database has version 2; version 1 can be read",
		wide:    "its texts are not in UTF-8",
		journal: "a transaction of it was not ended, and has to be undone first: 'sqlite3 " + journal + " .tables' does that",
	} {
		if _, err := mosqlite.Read(file); err == nil || err.Error() != want {
			t.Errorf("%s: got  %v\nwant %s", filepath.Base(file), err, want)
		}
	}
}

// Damage anywhere is told or does not matter, and never makes it panic.
func TestDamaged(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mosquitto.sqlite3")
	sqlite(t, file, true, fmt.Sprintf(schema, 512), strings.Join(state(20), ""))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for at := 16; at < len(whole); at += 61 {
		b := bytes.Clone(whole)
		b[at] ^= 0xff
		if _, err := mosqlite.Parse(b, nil); err != nil {
			told++
		}
	}
	if told < 20 {
		t.Errorf("damage is told %d times only", told)
	}
	var damage *mosqdb.Damage
	if db, err := mosqlite.Parse(whole[:len(whole)-512*20], nil); !errors.As(err, &damage) || damage.Offset < len(whole)-512*20 {
		t.Errorf("a file that is cut: %v, %+v", err, db)
	}
}

func FuzzParse(f *testing.F) {
	file, log := read(f)
	f.Add(file, log)
	f.Add(file, []byte(nil))
	f.Fuzz(func(t *testing.T, file, log []byte) {
		db, err := mosqlite.Parse(file, log)
		if db == nil && err == nil {
			t.Error("neither a result nor an error")
		}
	})
}
