package bench

// books hold what became of every message. A stream is what one subscriber, or
// a group of subscribers that divide messages among them, hears of one source.
type books struct {
	sources int
	paired  bool     // subscriber i hears source i and nothing else
	streams []stream // of group g and source s: [g*sources+s]; paired: [s]
	order   []uint32 // of member m and source s: the least sequence that is in order; nil: streams tell
	sent    []uint32 // by source

	published, received            uint64
	duplicates, reordered, foreign uint64
}

// stream is the state of one.
type stream struct {
	next    uint32 // the sequence after the highest seen
	missing uint32 // how many below next were not seen
	recent  uint64 // bit i: next-1-i was seen
}

// verdict is what a received message is.
type verdict int

const (
	inOrder verdict = iota
	late            // it had been missing
	duplicate
)

// pairedBooks are for n subscribers with a source each.
func pairedBooks(n int) *books {
	return &books{sources: n, paired: true, streams: make([]stream, n), sent: make([]uint32, n)}
}

// crossBooks are for subscribers that each hear all of the sources.
func crossBooks(subscribers, sources int) *books {
	return &books{sources: sources, streams: make([]stream, subscribers*sources), sent: make([]uint32, sources)}
}

// groupBooks are for groups of subscribers: of every message one member of each
// group gets a copy. Order holds for a member, not for a group.
func groupBooks(groups, members, sources int) *books {
	b := crossBooks(groups, sources)
	b.order = make([]uint32, members*sources)
	return b
}

func (b *books) publish(source uint32) {
	b.sent[source]++
	b.published++
}

// left notes that an earlier run has sent n messages from each source.
func (b *books) left(n uint32) {
	for i := range b.sent {
		b.sent[i] = n
	}
	b.published = uint64(n) * uint64(len(b.sent))
}

// receive notes a message that c received and returns how many messages are
// settled by it: received, or skipped and therefore lost or late.
func (b *books) receive(c *conn, source, sequence uint32) uint32 {
	b.received++
	if int(source) >= b.sources || b.paired && int(source) != c.member || sequence >= b.sent[source] {
		b.foreign++
		return 0
	}
	i := int(source)
	if !b.paired {
		i += c.group * b.sources
	}
	s := &b.streams[i]
	before := s.next
	v := s.note(sequence)
	switch {
	case v == duplicate:
		b.duplicates++
		return 0
	case b.order != nil:
		o := &b.order[c.member*b.sources+int(source)]
		if sequence < *o {
			b.reordered++
		}
		*o = max(*o, sequence+1)
		return 1
	case v == late:
		b.reordered++
		return 0 // it was settled when it was skipped
	}
	return s.next - before
}

func (s *stream) note(sequence uint32) verdict {
	if sequence >= s.next {
		skipped := sequence - s.next
		s.missing += skipped
		s.next = sequence + 1
		s.recent = s.recent<<1<<skipped | 1
		return inOrder
	}
	if back := s.next - 1 - sequence; back < 64 {
		if s.recent>>back&1 != 0 {
			return duplicate
		}
		s.recent |= 1 << back
	} else if s.missing == 0 { // further back than remembered
		return duplicate
	}
	s.missing--
	return late
}

// expected is how many messages should have been received.
func (b *books) expected() uint64 {
	return b.published * b.copies()
}

// copies is how many streams hear each message.
func (b *books) copies() uint64 {
	if b.paired {
		return 1
	}
	return uint64(len(b.streams) / b.sources)
}

func (b *books) lost() uint64 {
	var lost uint64
	for i := range b.streams {
		s := &b.streams[i]
		lost += uint64(s.missing) + uint64(b.sent[i%b.sources]-s.next)
	}
	return lost
}
