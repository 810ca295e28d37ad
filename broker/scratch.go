package broker

import (
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// readBuffer is how much one read takes at most.
const readBuffer = 16 << 10

// scratch is the memory that handling packets takes. A connection borrows one
// while it has bytes to handle, so that an idle one costs little.
type scratch struct {
	now      time.Time
	buf      []byte // what was read
	decoder  packet.Decoder
	delivery session.Delivery
	targets  []target      // of a message that is not from a connection
	replies  []byte        // to the client that is being served, sent at the commit point
	puback   packet.Puback // reused, as are the next three
	pubrec   packet.Pubrec
	pubrel   packet.Pubrel
	pubcomp  packet.Pubcomp
	answered int     // messages of QoS 1 and 2 answered in replies
	touched  []*conn // claimed by deliver, to be flushed
	crowd    bool    // others than this publisher feed one of touched
	counts   counts
	batch    batch // for the store
	indebted error // the client must not go on before the store works; nil: it may
	unstored bool  // the message that is handled cannot be stored
}

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, readBuffer), batch: batch{durability: Eventually}} }}

func borrowScratch() *scratch { return scratches.Get().(*scratch) }

func returnScratch(s *scratch) {
	clear(s.targets)
	s.targets = s.targets[:0]
	if cap(s.targets) > 1<<16 {
		s.targets = nil
	}
	scratches.Put(s)
}

func now() time.Time { return time.Now() }
