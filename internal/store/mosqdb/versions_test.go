package mosqdb_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/store/mosqdb"
	"github.com/zancudomq/zancudo/packet"
)

var update = flag.Bool("update", false, "write the golden files anew")

var instant = time.Unix(1_700_000_000, 0).UTC()

// sample is a state with a bit of everything, and what a version has of it.
func sample(version uint32) *mosqdb.DB {
	v5, v6 := version >= 5, version >= 6
	message := func(topic, payload string, qos packet.QoS, retain bool) *mosqdb.Message {
		m := &mosqdb.Message{SourceID: "pub", SourcePacketID: 7}
		m.Topic, m.Payload, m.QoS, m.Retain = topic, []byte(payload), qos, retain
		if version >= 4 {
			m.SourceUsername, m.SourcePort = "joe", 1883
		}
		return m
	}
	db := &mosqdb.DB{Version: version, CleanShutdown: true, Retained: []uint64{3}, Messages: map[uint64]*mosqdb.Message{
		1: message("a/1", "one", 1, false), 2: message("a/2", "", 2, false), 3: message("kept", "still", 0, true),
	}}
	one := db.Messages[1]
	c := mosqdb.Client{ID: "sub", LastPacketID: 9, ExpiryInterval: 0xFFFFFFFF}
	s := mosqdb.Subscription{ClientID: "sub", Subscription: packet.Subscription{Filter: "a/#", QoS: 2}}
	q := mosqdb.Queued{ClientID: "sub", Message: 1, PacketID: 9, QoS: 1, State: 3, Retain: true, Dup: true}
	if v5 {
		one.Expires = instant
		one.Properties = &packet.MessageProperties{ContentType: "text", UserProperties: []packet.UserProperty{{Name: "k", Value: "v"}}}
		c.ExpiresAt, c.ExpiryInterval = instant.Add(time.Hour), 3600
		s.Identifier, s.NoLocal, s.RetainAsPublished, s.RetainHandling = 300, true, true, packet.DoNotSendRetained
		q.IDs = []uint32{300}
	} else if version > 2 {
		c.Disconnected = instant
	}
	if v6 {
		c.Username, c.OwnerKnown, c.ListenerPort = "joe", true, 8883
	}
	db.Clients, db.Subscriptions = []mosqdb.Client{c}, []mosqdb.Subscription{s}
	db.Queued = []mosqdb.Queued{q, {ClientID: "sub", Message: 2, PacketID: 4, QoS: 2, State: mosqdb.WaitForPubrel, Incoming: true}}
	return db
}

// encode writes a state in the order in which Mosquitto does.
func (e *encoder) encode(db *mosqdb.DB) []byte {
	e.config(300)
	for _, id := range []uint64{1, 2, 3} {
		properties := ""
		if db.Messages[id].Properties != nil {
			properties = "\x0e\x03\x00\x04text\x26\x00\x01k\x00\x01v"
		}
		e.message(id, db.Messages[id], properties)
	}
	e.client(&db.Clients[0])
	e.queued(&db.Queued[0], map[bool]string{true: "\x03\x0b\xac\x02"}[db.Queued[0].IDs != nil])
	e.queued(&db.Queued[1], "")
	e.subscription(&db.Subscriptions[0], 0x2c)
	e.retained(3)
	return e.b
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for version := uint32(2); version <= 6; version++ {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, narrow := range []bool{false, true} {
				name := fmt.Sprintf("v%d-%v", version, map[bool]string{true: "big", false: "little"}[order == binary.AppendByteOrder(binary.BigEndian)])
				if narrow {
					name += "-32"
				}
				if narrow && (version < 3 || version > 4) {
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					want := sample(version)
					e := newEncoder(version, order)
					e.narrow = narrow
					b := e.encode(want)
					golden := filepath.Join("testdata", name+".db")
					if *update {
						if err := os.WriteFile(golden, b, 0o644); err != nil {
							t.Fatal(err)
						}
					}
					if kept, err := os.ReadFile(golden); err != nil || !bytes.Equal(kept, b) {
						t.Errorf("the encoder writes another file than %s: %v", golden, err)
					}
					got, err := mosqdb.Parse(b)
					if diff := cmp.Diff(want, got); err != nil || diff != "" {
						t.Errorf("%v\n%s", err, diff)
					}
				})
			}
		}
	}
}

// A message of version 4 may or may not count its user name.
func TestVersion4Length(t *testing.T) {
	t.Parallel()
	want := sample(4)
	e := newEncoder(4, binary.LittleEndian)
	e.shorter = 2 + len("joe") + 2
	got, err := mosqdb.Parse(e.encode(want))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// A number that makes the order of bytes hard to guess does not change times.
func TestOrderGuessedWrong(t *testing.T) {
	t.Parallel()
	e := newEncoder(6, binary.LittleEndian)
	e.config(1 << 62)
	want := mosqdb.Client{ID: "c", ExpiresAt: instant, ExpiryInterval: 5, OwnerKnown: true}
	e.client(&want)
	db, err := mosqdb.Parse(e.b)
	if err != nil || len(db.Clients) != 1 || db.Clients[0] != want {
		t.Errorf("%v, %+v", err, db)
	}
}

// A file that is cut is damaged where its last chunk begins, and all before is
// there.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, version := range []uint32{3, 4, 6} {
		whole := newEncoder(version, binary.LittleEndian).encode(sample(version))
		chunks := 0
		for n := 23; n < len(whole); n++ {
			db, err := mosqdb.Parse(whole[:n])
			var damage *mosqdb.Damage
			switch {
			case err == nil: // between two chunks
				chunks++
			case !errors.As(err, &damage) || damage.Offset > n || damage.Reason == "":
				t.Fatalf("version %d cut at %d: %v", version, n, err)
			}
			if damage != nil {
				if before, err := mosqdb.Parse(whole[:damage.Offset]); err != nil || !cmp.Equal(before, db) {
					t.Fatalf("version %d cut at %d: %v, and it has %s", version, n, err, cmp.Diff(before, db))
				}
			}
		}
		if chunks != 9 {
			t.Errorf("version %d: %d chunks are found, want 9", version, chunks)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	e := newEncoder(6, binary.LittleEndian)
	e.config(300)
	whole := e.b
	with := func(more ...byte) []byte { return append(slices.Clone(whole), more...) }
	message := func(topic, properties string, qos packet.QoS) []byte {
		e := encoder{b: slices.Clone(whole), version: 6, order: binary.LittleEndian}
		e.message(1, &mosqdb.Message{Message: packet.Message{Topic: topic, QoS: qos}}, properties)
		return e.b
	}
	old := newEncoder(3, binary.LittleEndian)
	old.config(5)
	old.queued(&mosqdb.Queued{}, "")
	for want, b := range map[string][]byte{
		"this is no persistence file of Mosquitto":                                  []byte("SQLite format 3\x00 and more of it"),
		"the persistence file has version 1; versions 2 to 6 can be read":           newEncoder(1, binary.LittleEndian).b,
		"byte 23: a chunk of 16 bytes, and the file has 15 more":                    whole[:len(whole)-1],
		"byte 47: the file ends in a chunk header":                                  with(1),
		"byte 47: a chunk of unknown kind 9":                                        with(0, 0, 0, 9, 0, 0, 0, 0),
		"byte 47: a chunk of kind 4 is shorter than what it should hold":            with(0, 0, 0, 4, 0, 0, 0, 1, 1),
		"byte 47: a chunk of kind 4 is longer than what it should hold":             with(0, 0, 0, 4, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9),
		"byte 47: a message without a topic":                                        message("", "", 0),
		"byte 47: a message of QoS 3":                                               message("a", "", 3),
		"byte 47: properties: PUBLISH: property not allowed here: malformed packet": message("a", "\x01\x7f", 0),
		"byte 39: a queued message of no client":                                    old.b,
	} {
		if _, err := mosqdb.Parse(b); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	db, err := mosqdb.Parse(mosqdb.Marker("hello\n"))
	if err != nil || db.Marker != "hello\n" || !db.CleanShutdown || len(db.Clients)+len(db.Messages) > 0 {
		t.Errorf("%+v, %v", db, err)
	}
}

func FuzzParse(f *testing.F) {
	for version := uint32(2); version <= 6; version++ {
		f.Add(newEncoder(version, binary.LittleEndian).encode(sample(version)))
		f.Add(newEncoder(version, binary.BigEndian).encode(sample(version)))
	}
	f.Add(mosqdb.Marker("text"))
	f.Fuzz(func(t *testing.T, b []byte) {
		db, err := mosqdb.Parse(b)
		var damage *mosqdb.Damage
		switch {
		case db == nil && err == nil:
			t.Error("neither a result nor an error")
		case errors.As(err, &damage) && (damage.Offset < 23 || damage.Offset > len(b)):
			t.Errorf("damage at byte %d of %d", damage.Offset, len(b))
		}
	})
}
