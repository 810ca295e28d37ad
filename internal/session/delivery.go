package session

import (
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Delivery is one Application Message on its way to its receivers: what they
// share of it. A Delivery may be used again for the next message with Reset.
type Delivery struct {
	message *packet.Message
	kept    *packet.Message // what may be held on to; nil: not cloned yet
	frames  [frameKinds][]byte
	encoded uint16 // which frames are of this message
	shared  bool   // several receivers are to be expected
}

// frameKinds counts the encodings of a message: two formats, three QoS, with
// RETAIN or without.
const frameKinds = 2 * 3 * 2

// NewDelivery returns a delivery of m, which belongs to the delivery from now
// on and is never changed.
func NewDelivery(m *packet.Message) *Delivery { return &Delivery{message: m, kept: m} }

// Borrow begins the delivery of a message that is only valid until all
// receivers have been served; who keeps it gets a copy. receivers is how many
// there will be, about.
func (d *Delivery) Borrow(m *packet.Message, receivers int) {
	d.message, d.kept, d.encoded, d.shared = m, nil, 0, receivers > 1
}

// Own begins the delivery of a message that may be kept as it is.
func (d *Delivery) Own(m *packet.Message, receivers int) {
	d.message, d.kept, d.encoded, d.shared = m, m, 0, receivers > 1
}

// Message is the message. It may be borrowed.
func (d *Delivery) Message() *packet.Message { return d.message }

// Keep returns the message for keeping: the same for all who ask.
func (d *Delivery) Keep() *packet.Message {
	if d.kept == nil {
		d.kept = d.message.Clone()
		d.message = d.kept
	}
	return d.kept
}

// frame is the encoded PUBLISH that receivers share, without what is theirs
// alone: the packet identifier is zero, there are no subscription identifiers
// and no topic alias.
func (d *Delivery) frame(v packet.Version, qos packet.QoS, retain bool, now time.Time) ([]byte, error) {
	kind := int(qos) * 4
	if v == packet.V5 {
		kind += 2
	}
	if retain {
		kind++
	}
	if d.encoded>>kind&1 == 1 {
		return d.frames[kind], nil
	}
	p := publishOf(d.message, qos, retain, now)
	b, err := p.Append(d.frames[kind][:0], v)
	if err != nil {
		return nil, err
	}
	d.frames[kind] = b
	d.encoded |= 1 << kind
	return b, nil
}

// Release lets go of the message and of memory that only a large one needs.
func (d *Delivery) Release() {
	d.message, d.kept, d.encoded = nil, nil, 0
	for i := range d.frames {
		if cap(d.frames[i]) > largePayload {
			d.frames[i] = nil
		}
	}
}

func publishOf(m *packet.Message, qos packet.QoS, retain bool, now time.Time) packet.Publish {
	p := packet.Publish{Message: *m}
	p.QoS, p.Retain = qos, retain
	if !m.Expires.IsZero() {
		p.HasMessageExpiry, p.MessageExpiry = true, m.ExpiryInterval(now)
	}
	return p
}
