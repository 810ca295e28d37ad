package broker

import "sync"

// Output buffers are borrowed for as long as something waits to be written.
// The pools keep arrays, since a slice cannot be put into one without memory
// for its header.
const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// feed gives the output a buffer to fill if it has none: a large one if the
// last was not large enough. The client is locked.
func (c *conn) feed() {
	switch {
	case !c.out.Hungry():
	case c.heavy:
		c.out.Use(largeBuffers.Get().(*[largeBuffer]byte)[:0])
	default:
		c.out.Use(smallBuffers.Get().(*[smallBuffer]byte)[:0])
	}
}

// returnBuffer takes a buffer back. What grew beyond the large ones is left to
// the garbage collector.
func returnBuffer(b []byte) {
	switch n := cap(b); {
	case n == smallBuffer:
		smallBuffers.Put((*[smallBuffer]byte)(b[:smallBuffer]))
	case n >= largeBuffer && n < 2*largeBuffer:
		largeBuffers.Put((*[largeBuffer]byte)(b[:largeBuffer]))
	}
}
