package mosqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store/mosqdb"
	"github.com/zancudomq/zancudo/packet"
)

// newest is the version of the tables that is known.
const newest = 1

// Is reports whether a file begins as a database of SQLite does.
func Is(beginning []byte) bool { return bytes.HasPrefix(beginning, magic) }

// Read reads a database and its write-ahead log. With a *mosqdb.Damage it returns
// what came before: messages first, then clients, what they subscribe to, what
// waits for them, and what is retained.
func Read(file string) (*mosqdb.DB, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	log, err := os.ReadFile(file + "-wal")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if info, err := os.Stat(file + "-journal"); err == nil && info.Size() > 0 {
		return nil, fmt.Errorf("a transaction of it was not ended, and has to be undone first: 'sqlite3 %s .tables' does that", file)
	}
	return Parse(b, log)
}

// Parse reads a database and its log, which may be empty, in memory.
func Parse(file, log []byte) (*mosqdb.DB, error) {
	p, err := openPages(file, log)
	if err != nil {
		return nil, err
	}
	r := &reading{pages: p, db: &mosqdb.DB{CleanShutdown: true, Messages: make(map[uint64]*mosqdb.Message)}, clients: make(map[string]int)}
	if r.tables, err = p.tables(); err != nil {
		return nil, err
	}
	if _, ok := r.tables["client_msgs"]; !ok {
		return nil, errors.New("it is a database of SQLite, and not of Mosquitto: it has no table client_msgs")
	}
	for _, step := range []struct {
		table string
		take  func(*record) error
	}{
		{"version_info", r.version},
		{"base_msgs", r.message},
		{"clients", r.client},
		{"subscriptions", r.subscription},
		{"client_msgs", r.queued},
		{"retains", r.retained},
		{"wills", r.will},
	} {
		if err := r.read(step.table, step.take); err != nil {
			return r.db, err
		}
		if r.db.Version > newest {
			return nil, fmt.Errorf("the database has version %d; version %d can be read", r.db.Version, newest)
		}
	}
	return r.db, nil
}

// reading is the work of Parse.
type reading struct {
	*pages
	tables  map[string]table
	db      *mosqdb.DB
	clients map[string]int // where in db.Clients
}

// read reads a table. One that is missing has no rows.
func (r *reading) read(name string, take func(*record) error) error {
	t, ok := r.tables[name]
	if !ok {
		return nil
	}
	err := r.rows(t.root, func(row []byte) error {
		v, err := values(row)
		if err != nil {
			return err
		}
		return take(&record{t.columns, v})
	})
	var d *damage
	if errors.As(err, &d) {
		return &mosqdb.Damage{Offset: (int(d.page) - 1) * r.size, Reason: fmt.Sprintf("table %s: %v", name, d.err)}
	}
	return err
}

func (r *reading) version(row *record) error {
	if row.text("component") != "database_schema" {
		return nil
	}
	r.db.Version = uint32(row.number("major"))
	return nil
}

func (r *reading) message(row *record) error {
	if v, number := row.value("topic").(float64); number {
		r.db.Left = append(r.db.Left, broker.Left{
			What: "message of", Name: fmt.Sprint(v), Err: errors.New("the database has its topic as a number, and how it was written is lost"),
		})
		return nil
	}
	m := &mosqdb.Message{
		SourceID: row.text("source_id"), SourceUsername: row.text("source_username"),
		SourcePort: uint16(row.number("source_port")), SourcePacketID: uint16(row.number("source_mid")),
	}
	var err error
	if m.Message, err = row.message(); err != nil {
		return err
	}
	m.Expires = moment(row.number("expiry_time"))
	r.db.Messages[uint64(row.number("store_id"))] = m
	return nil
}

// message reads what messages and wills have in common.
func (r *record) message() (packet.Message, error) {
	m := packet.Message{Topic: r.text("topic"), Payload: r.bytes("payload"), QoS: packet.QoS(r.number("qos")), Retain: r.number("retain") != 0}
	switch {
	case m.Topic == "":
		return m, errors.New("a message without a topic")
	case m.QoS > packet.ExactlyOnce:
		return m, fmt.Errorf("a message of QoS %d", r.number("qos"))
	}
	properties, err := parseProperties(r.text("properties"))
	m.Properties = properties
	return m, err
}

func (r *reading) client(row *record) error {
	c := mosqdb.Client{
		ID: row.text("client_id"), Username: row.text("username"), OwnerKnown: true,
		ExpiresAt: moment(row.number("session_expiry_time")), ExpiryInterval: uint32(row.number("session_expiry_interval")),
		WillAt: moment(row.number("will_delay_time")), WillDelay: uint32(row.number("will_delay_interval")),
		ListenerPort: uint16(row.number("listener_port")),
	}
	r.clients[c.ID] = len(r.db.Clients)
	r.db.Clients = append(r.db.Clients, c)
	return nil
}

func (r *reading) subscription(row *record) error {
	s := mosqdb.Subscription{ClientID: row.text("client_id"), Identifier: uint32(row.number("subscription_identifier"))}
	s.Filter = row.text("topic")
	s.SetOptions(byte(row.number("subscription_options")))
	if s.QoS > packet.ExactlyOnce {
		return fmt.Errorf("a subscription of QoS %d", s.QoS)
	}
	r.db.Subscriptions = append(r.db.Subscriptions, s)
	return nil
}

func (r *reading) queued(row *record) error {
	q := mosqdb.Queued{
		ClientID: row.text("client_id"), Message: uint64(row.number("store_id")), PacketID: uint16(row.number("mid")),
		QoS: packet.QoS(row.number("qos")), State: mosqdb.State(row.number("state")), Retain: row.number("retain") != 0,
		Dup: row.number("dup") != 0, Incoming: row.number("direction") == 0,
	}
	if q.QoS > packet.ExactlyOnce {
		return fmt.Errorf("a queued message of QoS %d", row.number("qos"))
	}
	if id := row.number("subscription_identifier"); id > 0 {
		q.IDs = []uint32{uint32(id)}
	}
	r.db.Queued = append(r.db.Queued, q)
	return nil
}

func (r *reading) retained(row *record) error {
	r.db.Retained = append(r.db.Retained, uint64(row.number("store_id")))
	return nil
}

func (r *reading) will(row *record) error {
	id := row.text("client_id")
	i, ok := r.clients[id]
	if !ok {
		r.db.Left = append(r.db.Left, broker.Left{What: "will of", Name: id, Err: errors.New("the client has no session")})
		return nil
	}
	m, err := row.message()
	if err != nil {
		return err
	}
	r.db.Clients[i].Will = &packet.Will{Message: m, DelayInterval: r.db.Clients[i].WillDelay}
	return nil
}

// moment is a time in seconds; 0 is none.
func moment(seconds int64) time.Time {
	if seconds <= 0 || seconds > 1<<40 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
