package session

import "github.com/zancudomq/zancudo/packet"

// entry is a message for the client, with what this client gets of it.
type entry struct {
	message *packet.Message
	sub     *Subscription
	qos     packet.QoS
	retain  bool
	number  uint64 // of a durable session: what it is stored under; else zero
	body    uint64 // where the store keeps the message; zero: with the entry
}

// flight is a message under way. Its packet identifier follows from its place
// in the window.
type flight struct {
	entry
	phase phase
}

type phase byte

const (
	published phase = iota // awaits PUBACK or PUBREC
	released               // PUBREC came; awaits PUBCOMP
	done
)

// sending is what goes to the client with QoS 1 and 2.
//
// The packet identifiers in the window follow one another, so that an
// acknowledgement finds its message at once, in whatever order they come; what
// is done leaves the window when nothing older is left in it.
type sending struct {
	window ring[flight]
	first  uint16 // packet identifier of the oldest in the window
	sent   int    // how many of the window were sent on this connection
	open   int    // how many of those are not done
	bytes  int    // payload bytes of the open ones

	queue       ring[entry]
	loadedBytes int // payload bytes in queue
	queuedBytes int // in queue and held, and of what is paged

	// Of a durable session.
	number    uint64        // of the message that came last
	restored  uint64        // up to this number they may have been sent before the process began
	held      ring[holding] // what is being stored
	paged     int           // how many follow the queue in the store only
	pagedFrom uint64        // the number of the first of them
}

// maxWindow is how many packet identifiers there are.
const maxWindow = 65535

func (q *sending) rewind() { q.sent, q.open, q.bytes = 0, 0, 0 }

// id is the packet identifier of the i-th in the window: 1 to 65,535.
func (q *sending) id(i int) uint16 {
	return uint16((int(q.first)-1+i)%maxWindow + 1)
}

// find returns the message under way with this identifier, or nil.
func (q *sending) find(id uint16) (f *flight, i int) {
	if id == 0 {
		return nil, 0
	}
	i = int(id) - int(q.first)
	if i < 0 {
		i += maxWindow
	}
	if i >= q.window.len() {
		return nil, 0
	}
	if f = q.window.at(i); f.phase == done {
		return nil, 0
	}
	return f, i
}

// finish ends the flight at i.
func (s *Session) finish(f *flight, i int) {
	q := s.sending
	s.end(&f.entry)
	if i < q.sent {
		q.open--
		q.bytes -= len(f.message.Payload)
	}
	*f = flight{phase: done}
	for q.window.len() > 0 && q.window.at(0).phase == done {
		q.window.pop()
		q.first = q.id(1)
		if q.sent > 0 {
			q.sent--
		}
	}
}

// room reports whether the window takes another message of this size.
func (q *sending) room(s *Session, size int) bool {
	quota := int(s.receiveMaximum)
	if s.limits.MaxInflight > 0 {
		quota = min(quota, int(s.limits.MaxInflight))
	}
	if q.open >= quota {
		return false
	}
	return s.limits.MaxInflightBytes == 0 || q.open == 0 || q.bytes+size <= s.limits.MaxInflightBytes
}

// ring is a queue that reuses its memory.
type ring[T any] struct {
	items []T // a power of two
	head  int
	n     int
}

func (r *ring[T]) len() int    { return r.n }
func (r *ring[T]) at(i int) *T { return &r.items[(r.head+i)&(len(r.items)-1)] }

func (r *ring[T]) push(v T) {
	if r.n == len(r.items) {
		bigger := make([]T, max(4, 2*r.n))
		k := copy(bigger, r.items[r.head:])
		copy(bigger[k:], r.items[:r.head])
		r.items, r.head = bigger, 0
	}
	r.n++
	*r.at(r.n - 1) = v
}

func (r *ring[T]) pop() T {
	var zero T
	v := *r.at(0)
	*r.at(0) = zero
	r.head = (r.head + 1) & (len(r.items) - 1)
	if r.n--; r.n == 0 && len(r.items) > 64 {
		*r = ring[T]{}
	}
	return v
}
