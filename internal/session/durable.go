package session

import (
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// A durable session outlives the process: its messages of QoS 1 and 2 are
// written down before they are sent. Each gets a number, under which it is
// stored, and which gives it its packet identifier: so it need not be written
// again when it is sent, and has the same identifier after a crash.
//
// A message goes through three places: it is held until it is stored, then it
// waits in the queue, then it is under way in the window. What does not fit into
// the memory that a queue may take is only counted, and read from the store when
// its turn comes.

// Record is a message of a durable session, as it is stored.
type Record struct {
	Number   uint64 // from 1
	Message  *packet.Message
	QoS      packet.QoS
	Retain   bool
	Released bool     // PUBREC came: of the rest only Number matters
	Share    string   // as in Subscription
	IDs      []uint32 // Subscription Identifiers
	Body     uint64   // where the store keeps the message; zero: with the record
}

// Ended is a message of a durable session that need not be stored any more.
type Ended struct{ Number, Body uint64 }

// maxHeldReplay is how many retained messages are held at a time.
const maxHeldReplay = 64

// SetDurable says that messages of QoS 1 and 2 are stored from now on: Push
// answers Held for them, and Settle sends them. It is called before the first
// message.
func (s *Session) SetDurable() { s.durable = true }

// Durable reports whether messages of QoS 1 and 2 are stored.
func (s *Session) Durable() bool { return s.durable }

// hold numbers a message and keeps it until it is stored.
func (s *Session) hold(now time.Time, d *Delivery, sub *Subscription, qos packet.QoS, retain bool) Outcome {
	q, size := s.sending, len(d.message.Payload)
	if !s.makeRoom(now, size) {
		return Full
	}
	q.number++
	q.held.push(holding{entry: entry{message: d.Keep(), sub: sub, qos: qos, retain: retain, number: q.number}})
	q.queuedBytes += size
	return Held
}

// LastHeld is the message for which Push answered Held last.
func (s *Session) LastHeld() Record {
	return s.sending.held.at(s.sending.held.len() - 1).record()
}

func (e *entry) record() Record {
	return Record{Number: e.number, Message: e.message, QoS: e.qos, Retain: e.retain, Share: e.sub.Share, IDs: e.sub.IDs, Body: e.body}
}

// holding is a message that is being stored.
type holding struct {
	entry
	stored, failed bool
}

// Settle says that the message with this number is stored, its body perhaps
// apart. Those before it that are not stored yet keep it back. Fill sends it.
func (s *Session) Settle(number, body uint64) {
	if h := s.heldAs(number); h != nil {
		h.stored, h.body = true, body
		s.release()
	}
}

// Fail says that the message with this number was not stored. It is forgotten.
func (s *Session) Fail(number uint64) {
	if h := s.heldAs(number); h != nil {
		h.failed = true
		s.release()
	}
}

// heldAs returns the message that is held under a number, or nil.
func (s *Session) heldAs(number uint64) *holding {
	q := s.sending
	if q == nil || q.held.len() == 0 {
		return nil
	}
	i := number - q.held.at(0).number
	if i >= uint64(q.held.len()) {
		return nil
	}
	return q.held.at(int(i))
}

// release moves what is stored from the front of those that are held.
func (s *Session) release() {
	q := s.sending
	for q.held.len() > 0 {
		h := q.held.at(0)
		switch {
		case h.failed:
			q.queuedBytes -= len(h.message.Payload)
		case !h.stored:
			return
		case q.paged > 0 || s.loaded():
			if q.paged == 0 {
				q.pagedFrom = h.number
			}
			q.paged++
		default:
			q.queue.push(h.entry)
			q.loadedBytes += len(h.message.Payload)
		}
		q.held.pop()
	}
}

// Missing tells what of the queue should be read from the store: the number to
// begin with and how many; zero: nothing.
func (s *Session) Missing() (from uint64, n int) {
	q := s.sending
	if q == nil || q.paged == 0 || q.queue.len() > s.limits.MaxLoaded/2 || q.loadedBytes > s.limits.MaxLoadedBytes/2 {
		return 0, 0
	}
	return q.pagedFrom, min(q.paged, max(s.limits.MaxLoaded-q.queue.len(), 1))
}

// loaded reports whether as much of the queue is in memory as may be.
func (s *Session) loaded() bool {
	return s.sending.queue.len() >= s.limits.MaxLoaded || s.sending.loadedBytes >= s.limits.MaxLoadedBytes
}

// Page takes records that were read from the store, from the number that Missing
// named on. Those that Missing counted and that are not among them are lost:
// lost is their number.
func (s *Session) Page(from uint64, n int, records []Record) (lost int) {
	q := s.sending
	if q == nil || q.paged == 0 || q.pagedFrom != from {
		return 0 // another has brought them
	}
	for i := range records {
		r := &records[i]
		q.queue.push(r.entry())
		q.loadedBytes += len(r.Message.Payload)
		q.pagedFrom = r.Number + 1
	}
	q.paged -= n
	if q.paged == 0 {
		q.pagedFrom = 0
	}
	return n - len(records)
}

func (r *Record) entry() entry {
	return entry{message: r.Message, sub: &Subscription{Share: r.Share, IDs: r.IDs}, qos: r.QoS, retain: r.Retain, number: r.Number, body: r.Body}
}

// Restore takes a record of the store, in the order of their numbers, before the
// first connection. Any of them may have been under way before, and so they are
// sent as if they had [MQTT-3.3.1-1]. All before one that is Released have been:
// what of them is only in the store must have been read with Page.
func (s *Session) Restore(r Record) {
	q := s.use()
	q.number, q.restored = r.Number, r.Number
	size := 0
	if r.Message != nil {
		size = len(r.Message.Payload)
	}
	underWay := s.limits.MaxLoaded
	if s.limits.MaxInflight > 0 {
		underWay = min(underWay, int(s.limits.MaxInflight))
	}
	switch {
	case r.Released:
		for q.queue.len() > 0 { // all before it have been under way too
			e := q.next()
			q.align(e.number)
			q.window.push(flight{entry: e})
			q.open++
		}
		q.align(r.Number)
		q.window.push(flight{entry: entry{message: &packet.Message{}, sub: &Subscription{}, qos: packet.ExactlyOnce, number: r.Number}, phase: released})
		q.open++
	case q.queue.len() == 0 && q.open < underWay && q.align(r.Number):
		q.window.push(flight{entry: r.entry()})
		q.open++ // until Attach, which counts anew
	case q.paged > 0 || s.loaded():
		if q.paged == 0 {
			q.pagedFrom = r.Number
		}
		q.paged++
		q.queuedBytes += size
	default:
		q.queue.push(r.entry())
		q.loadedBytes += size
		q.queuedBytes += size
	}
}

// NextNumber is the number of the message after the one with the number last, if
// it is to have the packet identifier id; zero: any.
func NextNumber(last uint64, id uint16) uint64 {
	if id == 0 {
		return last + 1
	}
	gap := (uint64(id) - 1 + maxWindow - last%maxWindow) % maxWindow
	return last + 1 + gap
}

// RestoreReceiving takes the packet identifier of a QoS 2 message of the client
// that awaits its PUBREL.
func (s *Session) RestoreReceiving(id uint16) {
	if !s.receiving.has(id) {
		s.receiving.add(id)
	}
}

// align has the next message of the window be the one with this number: in its
// place follows its packet identifier. It returns false if there is no place.
func (q *sending) align(number uint64) bool {
	id := uint16((number-1)%maxWindow + 1)
	if q.window.len() == 0 {
		q.first = id
		return true
	}
	gap := (int(id) - int(q.id(q.window.len())) + maxWindow) % maxWindow
	if q.window.len()+gap >= maxWindow {
		return false
	}
	for range gap {
		if q.sent == q.window.len() {
			q.sent++
		}
		q.window.push(flight{phase: done})
	}
	return true
}

// Paged is how many messages are in the store only, and the number of the first.
func (s *Session) Paged() (from uint64, n int) {
	if s.sending == nil {
		return 0, 0
	}
	return s.sending.pagedFrom, s.sending.paged
}

// TakeEnded returns the messages that need not be stored any more, and forgets
// them.
func (s *Session) TakeEnded() []Ended {
	ended := s.ended
	s.ended = nil
	return ended
}

// end notes that a message need not be stored any more.
func (s *Session) end(e *entry) {
	if s.durable && e.number > 0 {
		s.ended = append(s.ended, Ended{e.number, e.body})
	}
}

// Bodies are what the messages of the session in memory have apart in the store,
// but for those that are being stored.
func (s *Session) Bodies() (bodies []uint64) {
	q := s.sending
	if q == nil {
		return nil
	}
	note := func(e *entry) {
		if e.body != 0 {
			bodies = append(bodies, e.body)
		}
	}
	for i := range q.window.len() {
		note(&q.window.at(i).entry)
	}
	for i := range q.queue.len() {
		note(q.queue.at(i))
	}
	for i := range q.held.len() {
		if h := q.held.at(i); h.stored {
			note(&h.entry)
		}
	}
	return bodies
}
