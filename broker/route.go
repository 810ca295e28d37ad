package broker

import (
	"fmt"
	"runtime"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// route hands the message in s.delivery to all whom it concerns, live and as a
// retained message, and reports whether there is anybody. It is the third step
// of every PUBLISH, and where messages of the program itself, wills and orphans
// enter. origin is the client that sent it, nil for the program.
func (b *Broker) route(s *scratch, origin *client, targets []target) (matched bool, err error) {
	if s.delivery.Message().Retain {
		if err := b.retained.store(s.delivery.Keep(), origin); err != nil {
			return false, err
		}
		b.noteRetained(s)
		// Who has subscribed since the targets were collected may have looked
		// for retained messages too early.
		s.targets = b.resolve(s.targets[:0], s.delivery.Message().Topic)
		targets = s.targets
	}
	for i := range targets {
		t := &targets[i]
		if t.share != nil {
			matched = b.deliverShared(s, t.share, origin) || matched
			continue
		}
		t.client.deliver(s, t.sub, origin, false)
		matched = true
	}
	return matched, nil
}

// deliverShared hands the message to one member of a share, in turn: to one
// that can take it at once if there is any, else to one that is connected, and
// to the next if one refuses it.
func (b *Broker) deliverShared(s *scratch, sh *share, origin *client) bool {
	members := *sh.members.Load()
	first := int(sh.turn.Add(1))
	for _, wanted := range [...]readiness{ready, busy, absent} {
		for i := range members {
			t := &members[(first+i)%len(members)]
			if t.client.readiness() > wanted { // it may have changed since the last round
				continue
			}
			if outcome := t.client.deliver(s, t.sub, origin, false); outcome <= session.Queued {
				return true
			}
		}
	}
	return len(members) > 0
}

// readiness says how soon a client can take a message.
type readiness byte

const (
	ready  readiness = iota // at once
	busy                    // its window or its socket is full
	absent                  // not connected
)

func (cl *client) readiness() readiness {
	if cl.inline != nil {
		return ready
	}
	cl.mu.Lock()
	defer cl.mu.Unlock()
	switch {
	case cl.conn == nil:
		return absent
	case cl.session.Room(&cl.conn.out):
		return ready
	default:
		return busy
	}
}

// publishMessage routes a message that does not come from a connection: it
// belongs to the broker from now on.
func (b *Broker) publishMessage(m *packet.Message, origin *client) error {
	s := borrowScratch()
	defer returnScratch(s)
	s.now = now()
	s.targets = b.resolve(s.targets[:0], m.Topic)
	s.delivery.Own(m, len(s.targets))
	_, err := b.route(s, origin, s.targets)
	b.conclude(s)
	if failed := b.settle(s); err == nil {
		err = failed
	}
	return err
}

// resolve appends whom a topic name concerns. With MergeOverlapping the
// subscriptions of a client become one [MQTT-3.3.4-4].
func (b *Broker) resolve(dst []target, name string) []target {
	start := len(dst)
	dst = b.index.match(dst, name)
	if b.options().MergeOverlapping {
		return append(dst[:start], mergeOverlapping(dst[start:])...)
	}
	return dst
}

func mergeOverlapping(targets []target) []target {
	at := make(map[*client]int, len(targets))
	merged := targets[:0]
	for _, t := range targets {
		i, overlaps := at[t.client]
		if t.share != nil || !overlaps {
			if t.share == nil {
				at[t.client] = len(merged)
			}
			merged = append(merged, t)
			continue
		}
		merged[i].sub = session.Merge(merged[i].sub, t.sub)
	}
	return merged
}

// settle stores and sends what s has collected and adds up what it has counted.
// The error is the store's.
func (b *Broker) settle(s *scratch) error {
	err := b.record(s)
	if s.crowd {
		runtime.Gosched() // let the other publishers that are ready join the write
		s.crowd = false
	}
	flushAll(s.touched)
	clear(s.touched)
	s.touched = s.touched[:0]
	b.stats.add(&s.counts)
	return err
}

// dropReasons say why a message was dropped.
var dropReasons = [...]error{
	session.Behind:   fmt.Errorf("client reads too slowly: %w", packet.QuotaExceeded),
	session.Full:     fmt.Errorf("queue is full: %w", packet.QuotaExceeded),
	session.TooLarge: fmt.Errorf("larger than the client's maximum packet size: %w", packet.PacketTooLarge),
}

// dropped notes that a client does not get a message, or that one of its own is
// refused.
func (b *Broker) dropped(s *scratch, cl *client, m *packet.Message, cause session.Outcome, why error) {
	s.counts.dropped[cause]++
	if f := b.options().Trace.Dropped; f != nil {
		f((*Client)(cl), m, why)
	}
}

// lossPause is how long no message must be dropped before it is said again that
// some are.
const lossPause = time.Minute

// lose notes what became of a message, and reports whether messages begin to be
// dropped since the client does not get them fast enough, or is not there. It is
// locked.
func (cl *client) lose(outcome session.Outcome, now time.Time) (begins bool) {
	switch {
	case outcome == session.TooLarge, outcome == session.Absent: // they say nothing of that
	case outcome.Dropped():
		begins = cl.losing == 0
		cl.losing = now.UnixNano()
	case cl.losing != 0 && now.UnixNano()-cl.losing > int64(lossPause):
		cl.losing = 0
	}
	return begins
}

// routes remembers, for one publisher, whom its topics concern.
type routes struct {
	last   *routeEntry
	byName map[string]*routeEntry
	size   int // targets in byName
}

type routeEntry struct {
	name       string // as the client writes it
	full       string // with the mount point
	generation uint64
	targets    []target
}

const (
	maxRoutes       = 128
	maxRouteTargets = 4096
)

// find returns the targets of a topic name, and whether the name was in use
// before: then it is known to be a valid one.
func (r *routes) find(name string) (e *routeEntry, known bool) {
	if r.last != nil && r.last.name == name {
		return r.last, true
	}
	if e, known = r.byName[name]; known {
		r.last = e
	}
	return e, known
}

// add remembers a topic name and returns its entry, without targets yet.
func (r *routes) add(name, full string) *routeEntry {
	e := &routeEntry{name: name, full: full}
	if r.last != nil { // a publisher with a single topic needs no map
		if r.byName == nil || len(r.byName) >= maxRoutes || r.size > maxRouteTargets {
			r.byName = make(map[string]*routeEntry)
			r.size = 0
		}
		r.byName[name] = e
		r.byName[r.last.name] = r.last
	}
	r.last = e
	return e
}

// refresh matches again if the subscriptions have changed.
func (r *routes) refresh(b *Broker, e *routeEntry) []target {
	if generation := b.index.generation.Load(); e.generation != generation || generation == 0 {
		before := len(e.targets)
		clear(e.targets)
		e.targets = b.resolve(e.targets[:0], e.full)
		e.generation = generation
		r.size += len(e.targets) - before
	}
	return e.targets
}
