package client

import "github.com/zancudomq/zancudo/packet"

// A flight is a message of QoS 1 or 2 on its way to the server.
type flight struct {
	id       uint16
	qos      packet.QoS
	packet   []byte // the encoded PUBLISH; empty once it is released
	sent     bool   // on any connection: sent again, it has DUP set
	counted  bool   // takes a place in the window of this connection
	released bool   // PUBREC arrived; PUBCOMP is due

	prev, next *flight
}

// flights are the outgoing half of the Session State: what the server has not
// acknowledged, in order.
type flights struct {
	byID     map[uint16]*flight
	messages list    // not released, in the order of Publish [MQTT-4.6.0-1]
	releases list    // released, in the order of their PUBREC [MQTT-4.6.0-4]
	unsent   *flight // of messages: the first that is not sent on this connection
	counted  int     // the places taken in the window
	free     list    // flights to use again, with their memory
	spare    int     // how many
}

// Bounds of the memory kept for later.
const (
	maxSpareFlights     = 256
	maxSpareFlightBytes = 4096
)

func (fs *flights) len() int { return len(fs.byID) }

// add puts a message behind the others. The caller fills in its packet.
func (fs *flights) add(id uint16, qos packet.QoS) *flight {
	f := fs.free.head
	if f == nil {
		f = &flight{}
	} else {
		fs.free.remove(f)
		fs.spare--
	}
	*f = flight{id: id, qos: qos, packet: f.packet[:0]}
	fs.byID[id] = f
	fs.messages.push(f)
	if fs.unsent == nil {
		fs.unsent = f
	}
	return f
}

// release notes that the server has the message, which need not be kept.
func (fs *flights) release(f *flight) {
	fs.leaveMessages(f)
	f.packet, f.released = f.packet[:0], true
	fs.releases.push(f)
}

// settle forgets a message.
func (fs *flights) settle(f *flight) {
	if f.released {
		fs.releases.remove(f)
	} else {
		fs.leaveMessages(f)
	}
	if f.counted {
		fs.counted--
	}
	delete(fs.byID, f.id)
	if fs.spare < maxSpareFlights && cap(f.packet) <= maxSpareFlightBytes {
		fs.free.push(f)
		fs.spare++
	}
}

func (fs *flights) leaveMessages(f *flight) {
	if f == fs.unsent {
		fs.unsent = f.next
	}
	fs.messages.remove(f)
}

// restart begins a new connection: nothing is sent on it, its window is empty.
func (fs *flights) restart() {
	fs.unsent, fs.counted = fs.messages.head, 0
	for f := fs.messages.head; f != nil; f = f.next {
		f.counted = false
	}
	for f := fs.releases.head; f != nil; f = f.next {
		f.counted = false
	}
}

// next returns the next message to send on this connection, which takes a place
// in the window; nil: there is none, of the one or the other.
func (fs *flights) next(window int) *flight {
	f := fs.unsent
	if f == nil || fs.counted >= window {
		return nil
	}
	fs.unsent = f.next
	fs.counted++
	f.counted = true
	if f.sent {
		packet.PatchPublish(f.packet, f.id, true) // [MQTT-3.3.1-1]
	}
	f.sent = true
	return f
}

// A list links flights; it allocates nothing.
type list struct{ head, tail *flight }

func (l *list) push(f *flight) {
	f.prev, f.next = l.tail, nil
	if l.tail == nil {
		l.head = f
	} else {
		l.tail.next = f
	}
	l.tail = f
}

func (l *list) remove(f *flight) {
	if f.prev == nil {
		l.head = f.next
	} else {
		f.prev.next = f.next
	}
	if f.next == nil {
		l.tail = f.prev
	} else {
		f.next.prev = f.prev
	}
	f.prev, f.next = nil, nil
}
