package session

import (
	"strings"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Outcome says what became of a message that was pushed.
type Outcome byte

// The outcomes of Push.
const (
	Sent     Outcome = iota // on its way: in the output
	Held                    // of a durable session: waits until it is stored
	Queued                  // waits for the window or for the client
	Absent                  // QoS 0, and the client is not connected
	Behind                  // dropped: QoS 0, and the client reads too slowly
	Full                    // dropped: the queue is full
	TooLarge                // dropped: larger than the client takes [MQTT-3.1.2-25]
)

// Dropped reports whether the message is lost for this client.
func (o Outcome) Dropped() bool { return o >= Behind }

// fillMark is how many bytes may wait for the socket before queued messages
// stay in the queue.
const fillMark = 64 << 10

// Push hands a message to the client: it appends the PUBLISH to out, or queues
// the message. It is called for a connected and for an absent client alike.
func (s *Session) Push(out *Output, now time.Time, d *Delivery, sub *Subscription) Outcome {
	return s.push(out, now, d, sub, d.message.Retain && sub.RetainAsPublished) // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
}

// PushRetained hands a retained message to a client that has subscribed.
func (s *Session) PushRetained(out *Output, now time.Time, d *Delivery, sub *Subscription) Outcome {
	return s.push(out, now, d, sub, true)
}

func (s *Session) push(out *Output, now time.Time, d *Delivery, sub *Subscription, retain bool) Outcome {
	if s.foreign(d.message) {
		return Absent
	}
	qos := min(d.message.QoS, sub.QoS) // [MQTT-3.8.4-8]
	if s.limits.UpgradeQoS {
		qos = sub.QoS
	}
	if qos == packet.AtMostOnce {
		return s.pushQoS0(out, now, d, sub, retain)
	}
	q := s.use()
	if s.durable {
		return s.hold(now, d, sub, qos, retain)
	}
	if !s.Connected() || q.queue.len() > 0 || q.sent < q.window.len() || q.window.len() == maxWindow ||
		!q.room(s, len(d.message.Payload)) || s.stalled(out) {
		return s.enqueue(now, d, sub, qos, retain)
	}
	e := entry{message: d.Keep(), sub: sub, qos: qos, retain: retain}
	id := q.id(q.window.len())
	if !s.write(out, now, d, &e, id, false) {
		return TooLarge
	}
	q.launch(e)
	return Sent
}

func (s *Session) pushQoS0(out *Output, now time.Time, d *Delivery, sub *Subscription, retain bool) Outcome {
	switch {
	case !s.Connected() && s.limits.QueueQoS0:
		s.use()
		return s.enqueue(now, d, sub, packet.AtMostOnce, retain)
	case !s.Connected():
		return Absent
	case s.stalled(out):
		return Behind
	}
	e := entry{message: d.message, sub: sub, retain: retain}
	if !s.write(out, now, d, &e, 0, false) {
		return TooLarge
	}
	return Sent
}

// use returns what goes to the client with QoS 1 and 2, which few clients need.
func (s *Session) use() *sending {
	if s.sending == nil {
		s.sending = &sending{first: 1}
	}
	return s.sending
}

// stalled reports whether so much waits for the socket that more is better
// kept as messages, or dropped.
func (s *Session) stalled(out *Output) bool {
	return s.limits.MaxPending > 0 && out.Len() > s.limits.MaxPending
}

func (s *Session) enqueue(now time.Time, d *Delivery, sub *Subscription, qos packet.QoS, retain bool) Outcome {
	q, size := s.sending, len(d.message.Payload)
	if !s.makeRoom(now, size) {
		return Full
	}
	q.queue.push(entry{message: d.Keep(), sub: sub, qos: qos, retain: retain})
	q.loadedBytes += size
	q.queuedBytes += size
	return Queued
}

// makeRoom reports whether the queue takes a payload of this size. What nobody
// may get any more makes room.
func (s *Session) makeRoom(now time.Time, size int) bool {
	q := s.sending
	for s.full(size) {
		if q.queue.len() == 0 || !q.queue.at(0).message.Expired(now) {
			return false
		}
		e := q.next()
		s.end(&e)
	}
	return true
}

// full reports whether the queue has no room for a payload of this size.
func (s *Session) full(size int) bool {
	q, l := s.sending, s.limits
	return l.MaxQueued > 0 && q.queued() >= l.MaxQueued || l.MaxQueuedBytes > 0 && q.queuedBytes+size > l.MaxQueuedBytes
}

// next takes the oldest message out of the queue.
func (q *sending) next() entry {
	e := q.queue.pop()
	q.loadedBytes -= len(e.message.Payload)
	if q.queuedBytes -= len(e.message.Payload); q.queued() == 0 {
		q.queuedBytes = 0 // also of what was lost from the store
	}
	return e
}

// queued is how many messages wait, wherever.
func (q *sending) queued() int { return q.queue.len() + q.held.len() + q.paged }

// launch puts a message that was sent at the end of the window.
func (q *sending) launch(e entry) {
	q.window.push(flight{entry: e})
	q.sent++
	q.open++
	q.bytes += len(e.message.Payload)
}

// Fill sends again what a new connection must get again, and then what waits,
// as far as the window and the socket allow. It is called after the CONNACK
// and whenever the output has been written.
func (s *Session) Fill(out *Output, now time.Time) {
	q := s.sending
	if q == nil || !s.Connected() {
		return
	}
	for out.Len() < fillMark && s.fillOne(q, out, now) {
	}
}

// fillOne sends one packet, or drops one message, if there is one and it may go.
func (s *Session) fillOne(q *sending, out *Output, now time.Time) bool {
	if q.sent < q.window.len() {
		return s.resend(q, out, now)
	}
	if q.queue.len() == 0 {
		return false
	}
	next := q.queue.at(0)
	if next.qos > packet.AtMostOnce && (q.window.len() == maxWindow || !q.room(s, len(next.message.Payload))) {
		return false
	}
	if next.number > 0 && !q.align(next.number) {
		return false
	}
	e := q.next()
	if e.message.Expired(now) || s.foreign(e.message) || !s.allowed(e.message) { // [MQTT-3.3.2-5]
		s.end(&e)
		return true
	}
	if e.qos == packet.AtMostOnce {
		s.write(out, now, nil, &e, 0, false)
		return true
	}
	if s.write(out, now, nil, &e, q.id(q.window.len()), e.number > 0 && e.number <= q.restored) {
		q.launch(e)
	} else {
		s.end(&e)
	}
	return true
}

// resend sends the oldest of the window that was not sent on this connection,
// with its identifier [MQTT-4.4.0-1].
func (s *Session) resend(q *sending, out *Output, now time.Time) bool {
	f, id := q.window.at(q.sent), q.id(q.sent)
	if f.phase == done {
		q.sent++
		return true
	}
	if !q.room(s, len(f.message.Payload)) {
		return false
	}
	i := q.sent
	q.sent++
	q.open++
	q.bytes += len(f.message.Payload)
	if f.phase == released {
		s.pubrel(out, id)
		return true
	}
	if s.foreign(f.message) || !s.allowed(f.message) || !s.write(out, now, nil, &f.entry, id, true) { // [MQTT-3.3.1-1]
		s.finish(f, i)
	}
	return true
}

func (s *Session) allowed(m *packet.Message) bool { return s.Allow == nil || s.Allow(m) }

// foreign reports whether the topic lies outside the client's mount point.
func (s *Session) foreign(m *packet.Message) bool {
	return len(m.Topic) <= len(s.terms.MountPoint) || !strings.HasPrefix(m.Topic, s.terms.MountPoint)
}

// Waiting reports whether Fill might find something to send.
func (s *Session) Waiting() bool {
	return s.sending != nil && (s.sending.queue.len() > 0 || s.sending.sent < s.sending.window.len())
}

// write appends the PUBLISH. It returns false if the client does not take
// packets of this size, or the message cannot be encoded at all.
func (s *Session) write(out *Output, now time.Time, d *Delivery, e *entry, id uint16, dup bool) bool {
	if !s.encode(out, now, d, e, id, dup) {
		return false
	}
	out.tally.Publishes++
	out.tally.PayloadBytes += uint64(len(e.message.Payload))
	return true
}

func (s *Session) encode(out *Output, now time.Time, d *Delivery, e *entry, id uint16, dup bool) bool {
	large := len(e.message.Payload) >= largePayload
	mount := s.terms.MountPoint
	if d != nil && d.shared && !large && s.Sent == nil && mount == "" && s.aliasMaximum == 0 && (len(e.sub.IDs) == 0 || s.version != packet.V5) {
		return s.writeFrame(out, now, d, e, id)
	}
	p := publishOf(e.message, e.qos, e.retain, now)
	p.PacketID, p.Dup, p.Topic = id, dup, p.Topic[len(mount):]
	if s.version == packet.V5 {
		p.SubscriptionIDs = e.sub.IDs
		if s.aliasMaximum > 0 {
			s.useAlias(&p)
		}
	}
	if !large {
		return s.fits(out, &p)
	}
	header, err := p.AppendHeader(out.tail, s.version)
	if err != nil || s.tooLarge(len(header)-len(out.tail)+len(p.Payload)) {
		s.forgetAlias(&p)
		return false
	}
	out.tail = header
	payload := p.Payload
	if d != nil {
		payload = d.Keep().Payload
	}
	out.reference(payload)
	s.trace(&p)
	return true
}

// trace tells of a PUBLISH: a copy, so that only who is told pays for memory.
func (s *Session) trace(p *packet.Publish) {
	if s.Sent != nil {
		told := *p
		s.Sent(&told)
	}
}

// pubrel appends a PUBREL.
func (s *Session) pubrel(out *Output, id uint16) {
	p := packet.Pubrel{Ack: packet.Ack{PacketID: id}}
	out.tail, _ = p.Append(out.tail, s.version) // nothing in it that could not be encoded
	out.tally.Pubrels++
	if s.Sent != nil {
		s.Sent(&packet.Pubrel{Ack: p.Ack})
	}
}

func (s *Session) writeFrame(out *Output, now time.Time, d *Delivery, e *entry, id uint16) bool {
	frame, err := d.frame(s.version, e.qos, e.retain, now)
	if err != nil || s.tooLarge(len(frame)) {
		return false
	}
	mark := len(out.tail)
	out.tail = append(out.tail, frame...)
	if id != 0 {
		packet.PatchPublish(out.tail[mark:], id, false)
	}
	return true
}

func (s *Session) fits(out *Output, p *packet.Publish) bool {
	mark := len(out.tail)
	b, err := p.Append(out.tail, s.version)
	if err != nil || s.tooLarge(len(b)-mark) {
		s.forgetAlias(p)
		return false
	}
	out.tail = b
	s.trace(p)
	return true
}

// tooLarge reports whether the client does not take so many bytes
// [MQTT-3.1.2-24].
func (s *Session) tooLarge(size int) bool {
	return s.maximumPacketSize > 0 && size > int(s.maximumPacketSize)
}

// forgetAlias takes back an alias that a packet which is not sent would have
// told.
func (s *Session) forgetAlias(p *packet.Publish) {
	if p.TopicAlias != 0 && p.Topic != "" {
		delete(s.aliases.sent, p.Topic)
	}
}
