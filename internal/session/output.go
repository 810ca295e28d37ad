package session

import "github.com/zancudomq/zancudo/packet"

// Output collects the packets that wait for a client's socket. Small ones are
// copied into one buffer, so that they leave in one write; a large payload is
// referenced, so that a thousand receivers share it.
type Output struct {
	chain [][]byte // full segments
	tail  []byte   // the segment that is being filled
	bytes int      // in chain
	tally Tally
}

// Tally counts what a session has put into an Output.
type Tally struct {
	Publishes, Pubrels uint32
	PayloadBytes       uint64 // of the PUBLISH packets
}

// largePayload is the size from which a payload is referenced.
const largePayload = 16 << 10

// Len is how many bytes wait.
func (o *Output) Len() int { return o.bytes + len(o.tail) }

// Tally is what waits of a session's own packets.
func (o *Output) Tally() Tally { return o.tally }

// Bytes returns a copy of all that waits.
func (o *Output) Bytes() []byte {
	b := make([]byte, 0, o.Len())
	for _, segment := range o.chain {
		b = append(b, segment...)
	}
	return append(b, o.tail...)
}

// Append adds encoded packets.
func (o *Output) Append(b []byte) { o.tail = append(o.tail, b...) }

// Hungry reports whether the output has no buffer to fill.
func (o *Output) Hungry() bool { return o.tail == nil }

// Use gives a hungry output a buffer to fill. It comes back from Take.
func (o *Output) Use(buffer []byte) { o.tail = buffer }

// Take removes and returns all that waits: segments that are shared and must
// not be changed, and then the bytes of buf.
func (o *Output) Take() (shared [][]byte, buf []byte) {
	shared, buf = o.chain, o.tail
	*o = Output{}
	return shared, buf
}

// Packet adds a packet. It returns false, and adds nothing, if the packet
// cannot be encoded or exceeds limit bytes; zero: no limit.
func (o *Output) Packet(p packet.Packet, v packet.Version, limit uint32) bool {
	mark := len(o.tail)
	b, err := p.Append(o.tail, v)
	if err != nil || limit > 0 && len(b)-mark > int(limit) {
		return false
	}
	o.tail = b
	return true
}

// reference adds a payload without copying it.
func (o *Output) reference(payload []byte) {
	o.chain = append(o.chain, o.tail, payload)
	o.bytes += len(o.tail) + len(payload)
	o.tail = nil
}
