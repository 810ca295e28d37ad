package session_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// The model is a client that believes nothing. It is told what was pushed, sees
// the packets, acknowledges in any order, loses its connection at any time, and
// checks after each step that nothing comes that must not come; at the end,
// that nothing is missing.
type model struct {
	limits  session.Limits
	terms   session.Terms
	session *session.Session
	out     session.Output
	now     time.Time

	pushed   []bool // by number: accepted with QoS 1 or 2
	arrived  []bool // by number: delivered to the application at least once
	topics   []string
	aliases  map[uint16]string
	last     int // number of the last message that arrived for the first time
	quota    int // the client's, on this connection
	toAck    []uint16
	toRec    []uint16
	toComp   []uint16
	open     map[uint16]int // under way on this connection, by identifier: the number
	received map[uint16]int // QoS 2 that the client has got and not seen released

	store   *diary // of a durable session; nil: an ordinary one
	revived int    // messages that came back in crashes: no limit makes room for them
}

func newModel(l session.Limits) *model {
	m := &model{limits: l, now: start, last: -1, received: map[uint16]int{}}
	m.session = session.New(&m.limits)
	return m
}

// step does what one byte says.
func (m *model) step(op, arg byte) error {
	switch op % 8 {
	case 0:
		m.connect(arg)
	case 1:
		m.session.Detach()
		m.out.Take()
	case 2, 3:
		m.push(arg)
	case 4:
		return m.acknowledge(&m.toAck, arg, func(id uint16) { m.session.Puback(&m.out, m.now, puback(id)) })
	case 5:
		return m.acknowledge(&m.toRec, arg, func(id uint16) {
			if answer, n, ok := m.session.Pubrec(&m.out, m.now, &packet.Pubrec{Ack: packet.Ack{PacketID: id}}); ok {
				m.store.release(n)
				m.out.Packet(&answer, packet.V5, 0)
			}
		})
	case 6:
		return m.acknowledge(&m.toComp, arg, func(id uint16) {
			m.session.Pubcomp(&m.out, m.now, &packet.Pubcomp{Ack: packet.Ack{PacketID: id}})
		})
	case 7: // the socket has taken all
		if err := m.read(); err != nil {
			return err
		}
		m.session.Fill(&m.out, m.now)
	}
	if arg&0x80 != 0 {
		return nil // the client reads later
	}
	return m.read()
}

func (m *model) connect(arg byte) {
	m.session.Detach()
	m.out.Take()
	c := packet.Connect{Version: packet.V311}
	m.quota = 65535
	if arg&1 != 0 {
		c.Version, c.ReceiveMaximum, c.TopicAliasMaximum = packet.V5, uint16(arg>>1&7)+1, uint16(arg>>4&1)
		m.quota = int(c.ReceiveMaximum)
	}
	if m.limits.MaxInflight > 0 {
		m.quota = min(m.quota, int(m.limits.MaxInflight))
	}
	m.aliases = map[uint16]string{}
	m.open, m.toAck, m.toRec, m.toComp = map[uint16]int{}, nil, nil, nil
	m.session.Attach(&c, &m.terms)
	m.session.Fill(&m.out, m.now)
}

func (m *model) push(arg byte) {
	number := len(m.pushed)
	size := 4 + int(arg>>2&3)*3
	if arg>>4&7 == 7 {
		size = 20 << 10 // referenced
	}
	payload := make([]byte, size)
	binary.BigEndian.PutUint32(payload, uint32(number))
	qos := packet.QoS(arg & 3 % 3)
	topic := [...]string{"a", "b", "c", "d"}[arg>>2&3]
	outcome := m.session.Push(&m.out, m.now, session.NewDelivery(&packet.Message{Topic: topic, QoS: qos, Payload: payload}), all)
	kept := outcome == session.Sent || outcome == session.Queued
	m.pushed = append(m.pushed, kept && qos > 0)
	m.arrived = append(m.arrived, false)
	m.topics = append(m.topics, topic)
	if outcome == session.Held {
		m.store.hold(number, m.session.LastHeld())
	}
}

func (m *model) acknowledge(list *[]uint16, arg byte, f func(uint16)) error {
	if !m.session.Connected() || len(*list) == 0 {
		return nil
	}
	i := int(arg&0x7F) % len(*list)
	id := (*list)[i]
	*list = append((*list)[:i], (*list)[i+1:]...)
	if list != &m.toRec {
		delete(m.open, id)
	}
	f(id)
	if arg&0x80 == 0 {
		return m.read()
	}
	return nil
}

// read takes all packets that wait.
func (m *model) read() error {
	if !m.session.Connected() {
		return nil
	}
	b := m.out.Bytes()
	m.out.Take()
	d := packet.Decoder{Version: m.session.Version()}
	for len(b) > 0 {
		p, n, err := d.Decode(b)
		if err != nil || n == 0 {
			return fmt.Errorf("malformed: % x: %w", b[:min(16, len(b))], err)
		}
		b = b[n:]
		switch p := p.(type) {
		case *packet.Publish:
			if p.Topic != "" {
				m.aliases[p.TopicAlias] = p.Topic
			}
			if want := m.topics[binary.BigEndian.Uint32(p.Payload)]; m.aliases[p.TopicAlias] != want {
				return fmt.Errorf("alias %d says %q, want %q", p.TopicAlias, m.aliases[p.TopicAlias], want)
			}
			err = m.message(p)
		case *packet.Pubrel:
			err = m.release(p.PacketID)
		default:
			err = fmt.Errorf("came %v", p)
		}
		if err != nil {
			return err
		}
	}
	return m.bounds()
}

// message takes a PUBLISH as the specification asks of a receiver.
func (m *model) message(p *packet.Publish) error {
	number := int(binary.BigEndian.Uint32(p.Payload))
	if p.QoS == packet.AtMostOnce {
		return nil
	}
	if !m.pushed[number] {
		return fmt.Errorf("message %d came though it was refused", number)
	}
	if other, used := m.open[p.PacketID]; used {
		return fmt.Errorf("message %d comes with identifier %d, which %d has", number, p.PacketID, other)
	}
	m.open[p.PacketID] = number
	if len(m.open) > m.quota {
		return fmt.Errorf("%d messages under way, %d are allowed", len(m.open), m.quota)
	}
	if p.QoS == packet.AtLeastOnce {
		m.toAck = append(m.toAck, p.PacketID)
		if m.arrived[number] && !p.Dup {
			return fmt.Errorf("message %d came again without DUP", number)
		}
		return m.first(number)
	}
	m.toRec = append(m.toRec, p.PacketID)
	if other, known := m.received[p.PacketID]; known {
		if other != number || !p.Dup {
			return fmt.Errorf("identifier %d of message %d is used for %d, dup %v", p.PacketID, other, number, p.Dup)
		}
		return nil
	}
	if m.arrived[number] {
		return fmt.Errorf("message %d came twice", number)
	}
	m.received[p.PacketID] = number
	return m.first(number)
}

// first notes that a message has arrived: in order, the first time.
func (m *model) first(number int) error {
	if m.arrived[number] {
		return nil
	}
	m.arrived[number] = true
	if number < m.last {
		return fmt.Errorf("message %d came after %d", number, m.last)
	}
	m.last = number
	return nil
}

func (m *model) release(id uint16) error {
	delete(m.received, id)
	for i, waiting := range m.toRec { // a PUBREL without a PUBREC of this connection
		if waiting == id {
			return fmt.Errorf("identifier %d is released before its PUBREC, %d", id, i)
		}
	}
	if slices.Contains(m.toComp, id) {
		return nil
	}
	m.open[id] = -1
	m.toComp = append(m.toComp, id)
	return nil
}

func (m *model) bounds() error {
	messages, bytes := m.session.Queued()
	if l := m.limits; l.MaxQueued > 0 && messages > l.MaxQueued+m.revived || l.MaxQueuedBytes > 0 && bytes > l.MaxQueuedBytes {
		return fmt.Errorf("%d messages of %d bytes wait", messages, bytes)
	}
	return nil
}

// finish acknowledges everything and checks that nothing is missing.
func (m *model) finish() error {
	m.connect(0)
	for m.session.Waiting() || m.session.Inflight() > 0 || m.out.Len() > 0 {
		if err := m.read(); err != nil {
			return err
		}
		before := m.session.Inflight()
		for len(m.toAck)+len(m.toRec)+len(m.toComp) > 0 {
			for op := byte(4); op < 7; op++ {
				if err := m.step(op, 0); err != nil {
					return err
				}
			}
		}
		m.session.Fill(&m.out, m.now)
		if m.out.Len() == 0 && m.session.Inflight() == before && before > 0 {
			return fmt.Errorf("%d messages under way are never sent", before)
		}
	}
	for number, accepted := range m.pushed {
		if accepted != m.arrived[number] {
			return fmt.Errorf("message %d: accepted %v, arrived %v", number, accepted, m.arrived[number])
		}
	}
	if n, bytes := m.session.Queued(); n != 0 || bytes != 0 {
		return fmt.Errorf("%d messages of %d bytes wait for nothing", n, bytes)
	}
	return nil
}

// run plays operations of two bytes; the first two bytes are the limits.
func run(ops []byte) error {
	if len(ops) < 2 {
		return nil
	}
	m := newModel(session.Limits{
		MaxInflight: uint16(ops[0] & 7), MaxQueued: int(ops[0] >> 3), MaxQueuedBytes: int(ops[1]&15) * 8,
		MaxInflightBytes: int(ops[1]>>4) * 4, MaxPending: int(ops[1]&2) * 50,
	})
	m.terms.SendTopicAliases = uint16(ops[1] & 1)
	for i := 2; i+1 < len(ops); i += 2 {
		if err := m.step(ops[i], ops[i+1]); err != nil {
			return fmt.Errorf("step %d: %w", i/2, err)
		}
	}
	return m.finish()
}

func TestModel(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 3000 {
		ops := make([]byte, 2+r.IntN(400))
		for i := range ops {
			ops[i] = byte(r.Uint32())
		}
		if err := run(ops); err != nil {
			t.Fatalf("seed %d: %v: %x", seed, err, ops)
		}
	}
}

func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 2, 1, 2, 2, 4, 0, 5, 0, 6, 0})
	f.Add([]byte{0xFF, 0xFF, 0, 0xFF, 2, 1, 2, 2, 2, 1, 1, 0, 0, 1, 5, 0, 1, 0, 0, 3, 6, 0, 4, 0})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 4096 {
			return
		}
		if err := run(ops); err != nil {
			t.Fatal(err)
		}
	})
}
