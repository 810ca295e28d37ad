package fact

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// A Describer says in words what facts mean. Its zero value knows sessions by
// their numbers and shows sizes in place of what messages say.
type Describer struct {
	Payloads bool // show what messages say, and their properties
	clients  map[uint64]string
}

// Meet remembers whose session a fact is, so that facts of that session can name
// the client.
func (d *Describer) Meet(key, value []byte) {
	if len(key) == 0 || key[0] != SessionLetter {
		return
	}
	sid, _, err := ID(key)
	f, bad := ReadSession(value)
	if err != nil || bad != nil {
		return
	}
	if d.clients == nil {
		d.clients = make(map[uint64]string)
	}
	d.clients[sid] = f.ID
}

// Describe is a fact in a line, in which nothing can move the cursor of a
// terminal. It takes any bytes.
func (d *Describer) Describe(key, value []byte) string {
	name := d.Key(key)
	what, err := d.value(key, value)
	if err != nil {
		return fmt.Sprintf("%s: cannot be read (%v), %s", name, err, size(value))
	}
	return name + ": " + what
}

// Key is what a fact of this key is about.
func (d *Describer) Key(key []byte) string {
	if len(key) > 0 && key[0] == RetainedLetter {
		return fmt.Sprintf("retained message of %q", key[1:])
	}
	id, rest, err := ID(key)
	if err != nil {
		return fmt.Sprintf("key %q", key)
	}
	switch key[0] {
	case SessionLetter:
		return fmt.Sprintf("session %d%s", id, d.of(id))
	case SubscriptionLetter:
		return fmt.Sprintf("session %d%s, subscription %q", id, d.of(id), rest)
	case BodyLetter:
		return fmt.Sprintf("body %d", id)
	case ReceivingLetter:
		if packetID, err := PacketID(rest); err == nil {
			return fmt.Sprintf("session %d%s, packet %d", id, d.of(id), packetID)
		}
	case QueuedLetter:
		if number, err := number(key); err == nil {
			return fmt.Sprintf("session %d%s, message %d", id, d.of(id), number)
		}
	}
	return fmt.Sprintf("key %q", key)
}

// of names the client of a session, if it is known.
func (d *Describer) of(sid uint64) string {
	if id, known := d.clients[sid]; known {
		return " of " + strconv.Quote(id)
	}
	return ""
}

func (d *Describer) value(key, value []byte) (string, error) {
	if len(key) == 0 {
		return "", ErrDamaged
	}
	switch key[0] {
	case SessionLetter:
		return d.session(value)
	case SubscriptionLetter:
		_, filter, err := ID(key)
		if err != nil {
			return "", err
		}
		return describeSubscription(string(filter), value)
	case QueuedLetter:
		return d.queued(key, value)
	case ReceivingLetter:
		if err := read(value).err; err != nil {
			return "", err
		}
		return "QoS 2, taken and not yet released by PUBREL", nil
	case BodyLetter:
		m, err := ReadBody(value)
		if err != nil {
			return "", err
		}
		return d.message(m), nil
	case RetainedLetter:
		return d.retained(value)
	}
	return "", fmt.Errorf("of a kind that this version does not know: %w", ErrDamaged)
}

func (d *Describer) session(value []byte) (string, error) {
	f, err := ReadSession(value)
	if err != nil {
		return "", err
	}
	w := words{fmt.Sprintf("client %q", f.ID)}
	w.addIf(f.User != "", "user %q", f.User)
	w.addIf(f.Vacant, "of the first user who comes")
	if f.Connected {
		w.add("connected")
	} else {
		w.add("gone since %s", moment(f.Since))
	}
	switch f.Expiry {
	case session.Never:
		w.add("never ends")
	default:
		w.add("ends %s after the client has gone", time.Duration(f.Expiry)*time.Second)
	}
	if f.Will != nil {
		w.add("will %s", d.message(&f.Will.Message))
		w.addIf(f.Will.DelayInterval > 0, "delayed by %s", time.Duration(f.Will.DelayInterval)*time.Second)
		w.addIf(!f.WillAt.IsZero(), "due at %s", moment(f.WillAt))
		w.addIf(f.Will.HasMessageExpiry, "which expires after %s", time.Duration(f.Will.MessageExpiry)*time.Second)
	}
	return w.String(), nil
}

func describeSubscription(filter string, value []byte) (string, error) {
	sub, err := ReadSubscription(filter, value)
	if err != nil {
		return "", err
	}
	w := words{fmt.Sprintf("QoS %d", sub.QoS)}
	w.addIf(sub.NoLocal, "no local")
	w.addIf(sub.RetainAsPublished, "retain as published")
	for _, id := range sub.IDs {
		w.add("identifier %d", id)
	}
	return w.String(), nil
}

func (d *Describer) queued(key, value []byte) (string, error) {
	q, err := ReadQueued(key, value)
	if err != nil {
		return "", err
	}
	if q.Released {
		return "QoS 2, received by the client, awaits PUBCOMP", nil
	}
	w := words{fmt.Sprintf("QoS %d", q.QoS)}
	w.addIf(q.Retain, "retain")
	w.addIf(q.Share != "", "of share %q", q.Share)
	for _, id := range q.IDs {
		w.add("subscription identifier %d", id)
	}
	if q.Body != 0 {
		w.add("body %d of %d bytes", q.Body, q.Size)
		return w.String(), nil
	}
	m, err := q.ReadMessage()
	if err != nil {
		return "", err
	}
	w.add("published as %s", d.message(m))
	return w.String(), nil
}

func (d *Describer) retained(value []byte) (string, error) {
	f, err := ReadRetained(value)
	if err != nil {
		return "", err
	}
	w := words{d.message(f.Message)}
	if f.Origin != nil {
		w.add("from client %q", f.Origin.ID)
		w.addIf(f.Origin.User != "", "user %q", f.Origin.User)
	}
	return w.String(), nil
}

// message is a message in words.
func (d *Describer) message(m *packet.Message) string {
	w := words{fmt.Sprintf("%q", m.Topic), fmt.Sprintf("QoS %d", m.QoS)}
	w.addIf(m.Retain, "retain")
	w.addIf(!m.Expires.IsZero(), "expires at %s", moment(m.Expires))
	if d.Payloads {
		w.add("payload %q", m.Payload)
	} else {
		w.add("%s", size(m.Payload))
	}
	if m.Properties != nil {
		d.properties(&w, m.Properties)
	}
	return w.String()
}

func (d *Describer) properties(w *words, p *packet.MessageProperties) {
	w.addIf(p.PayloadIsUTF8, "UTF-8")
	w.addIf(p.ContentType != "", "content type %q", p.ContentType)
	w.addIf(p.ResponseTopic != "", "response topic %q", p.ResponseTopic)
	if !d.Payloads {
		w.addIf(p.CorrelationData != nil, "correlation data of %s", size(p.CorrelationData))
		w.addIf(len(p.UserProperties) == 1, "1 user property")
		w.addIf(len(p.UserProperties) > 1, "%d user properties", len(p.UserProperties))
		return
	}
	w.addIf(p.CorrelationData != nil, "correlation data %q", p.CorrelationData)
	for _, u := range p.UserProperties {
		w.add("user property %q=%q", u.Name, u.Value)
	}
}

func size(b []byte) string {
	if len(b) == 1 {
		return "1 byte"
	}
	return strconv.Itoa(len(b)) + " bytes"
}

// moment is a time as it is the same everywhere.
func moment(t time.Time) string {
	if t.IsZero() {
		return "some time"
	}
	return t.UTC().Format(time.RFC3339)
}

// words are parts of a line.
type words []string

func (w *words) add(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

func (w *words) addIf(condition bool, format string, args ...any) {
	if condition {
		w.add(format, args...)
	}
}

func (w *words) String() string { return strings.Join(*w, ", ") }
