package broker

import (
	"slices"

	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// batch collects the facts of a commit: what the packets of one read, or one
// message of the program, ask the store to keep.
type batch struct {
	facts       []Fact
	bytes       []byte // of the keys and values
	durability  Durability
	retained    []string     // topics whose retained message has changed
	obligations []obligation // messages that sessions hold until they are stored
	concluded   int          // of obligations, whose facts are there
	dependents  []dependent  // answers that may leave only if all is stored
}

// obligation is a message that a durable session holds back until it is stored.
type obligation struct {
	client *client
	session.Record
}

// dependent is an answer in scratch.replies that depends on the batch.
type dependent struct {
	from, to int // where in the replies
	kind     packet.Type
	id       uint16
	number   uint64 // of a PUBREL: the message it releases
}

// dirty reports whether there is anything to store.
func (w *batch) dirty() bool { return len(w.facts) > 0 || len(w.retained) > 0 }

// mustLast says that the batch is to survive a power failure before anybody is
// told of it.
func (w *batch) mustLast() { w.durability = Durable }

// add takes what was appended to w.bytes: the key from start, the value from
// middle on.
func (w *batch) add(start, middle int) {
	b := w.bytes
	w.facts = append(w.facts, Fact{Key: b[start:middle:middle], Value: b[middle:len(b):len(b)]})
}

// put adds a fact whose value can be appended; nothing, if it cannot.
func (w *batch) put(key []byte, value func([]byte) ([]byte, error)) error {
	start := len(w.bytes)
	middle := start + len(key)
	b, err := value(append(w.bytes, key...))
	if err != nil {
		return err
	}
	w.bytes = b
	w.add(start, middle)
	return nil
}

// remove adds a fact that removes the key that was appended to w.bytes.
func (w *batch) remove(start int) {
	w.facts = append(w.facts, Fact{Key: w.bytes[start:len(w.bytes):len(w.bytes)]})
}

// reset forgets the facts and keeps some of the memory.
func (w *batch) reset() {
	clear(w.facts)
	clear(w.retained)
	w.facts, w.bytes, w.retained, w.durability = w.facts[:0], w.bytes[:0], w.retained[:0], Eventually
	if cap(w.bytes) > 1<<16 {
		w.bytes = nil
	}
	if cap(w.facts) > 1<<12 {
		w.facts = nil
	}
}

// forgetQueued adds the removal of messages that a session need not get any
// more; of bodies that nobody needs as well.
func (w *batch) forgetQueued(j *journal, sid uint64, ended []session.Ended) {
	for _, e := range ended {
		start := len(w.bytes)
		w.bytes = fact.QueuedKey(w.bytes, sid, e.Number)
		w.remove(start)
		w.forgetBody(j, e.Body)
	}
}

func (w *batch) forgetBody(j *journal, body uint64) {
	if body != 0 && j.unref(body) {
		start := len(w.bytes)
		w.bytes = fact.Key(w.bytes, fact.BodyLetter, body)
		w.remove(start)
	}
}

// release adds the fact that a message of QoS 2 is released.
func (w *batch) release(sid, number uint64) {
	start := len(w.bytes)
	w.bytes = fact.QueuedKey(w.bytes, sid, number)
	middle := len(w.bytes)
	w.bytes = fact.AppendReleased(w.bytes)
	w.add(start, middle)
	w.mustLast()
}

// receive adds the fact that a message of QoS 2 of the client was taken.
func (w *batch) receive(sid uint64, id uint16) {
	start := len(w.bytes)
	w.bytes = fact.ReceivingKey(w.bytes, sid, id)
	middle := len(w.bytes)
	w.bytes = fact.AppendReceiving(w.bytes)
	w.add(start, middle)
	w.mustLast()
}

// answers reports whether the batch has the answer to a message of QoS 2.
func (w *batch) answers(id uint16) bool {
	return slices.ContainsFunc(w.dependents, func(d dependent) bool { return d.kind == packet.PUBREC && d.id == id })
}

// received adds the fact that the client has released a message of QoS 2.
func (w *batch) received(sid uint64, id uint16) {
	start := len(w.bytes)
	w.bytes = fact.ReceivingKey(w.bytes, sid, id)
	w.remove(start)
	w.mustLast()
}

// message adds the facts of a message that sessions have been handed since the
// last one. Several share one body, if that is not shorter than what refers to it.
func (w *batch) message(j *journal) error {
	fresh := w.obligations[w.concluded:]
	w.concluded = len(w.obligations)
	if len(fresh) == 0 {
		return nil
	}
	m := fresh[0].Message
	w.mustLast()
	var body uint64
	var err error
	if len(fresh) > 1 && len(m.Payload) >= sharedPayload {
		body = j.body(len(fresh))
		start := len(w.bytes)
		w.bytes = fact.Key(w.bytes, fact.BodyLetter, body)
		middle := len(w.bytes)
		if w.bytes, err = fact.AppendBody(w.bytes, m); err != nil {
			return err
		}
		w.add(start, middle)
	}
	for i := range fresh {
		o := &fresh[i]
		o.Body = body
		start := len(w.bytes)
		w.bytes = fact.QueuedKey(w.bytes, o.client.sid, o.Number)
		middle := len(w.bytes)
		if w.bytes, err = fact.AppendQueued(w.bytes, &o.Record, m); err != nil {
			return err
		}
		w.add(start, middle)
	}
	return nil
}

// sharedPayload is the size of a payload from which several sessions share it.
const sharedPayload = 64
