package packet

import "io"

// Reader reads packets from a stream: a Decoder with a buffer. It is what
// clients and tests need; set the fields of its Decoder before the first Next.
type Reader struct {
	Decoder
	src  io.Reader
	buf  []byte
	r, w int // the unread bytes are buf[r:w]
}

// NewReader returns a Reader for a client of the given version.
func NewReader(src io.Reader, v Version) *Reader {
	return &Reader{Decoder: Decoder{Version: v}, src: src}
}

// Next returns the next packet; it is valid until the following call. At the
// end of the stream it returns io.EOF, or io.ErrUnexpectedEOF within a packet.
func (r *Reader) Next() (Packet, error) {
	for {
		p, n, err := r.Decode(r.buf[r.r:r.w])
		r.r += n
		if p != nil || err != nil {
			return p, err
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// Buffered reports whether bytes are waiting that Next can look at without
// reading from the stream.
func (r *Reader) Buffered() bool { return r.r < r.w }

// fill reads more bytes. The buffer grows with what has arrived, never with
// what a packet claims.
func (r *Reader) fill() error {
	if r.r == r.w {
		r.r, r.w = 0, 0
	}
	if r.w == len(r.buf) {
		if r.r > 0 {
			r.w = copy(r.buf, r.buf[r.r:r.w])
			r.r = 0
		} else {
			r.buf = append(r.buf, make([]byte, max(4096, len(r.buf)))...)
		}
	}
	n, err := r.src.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		return nil
	}
	if err == io.EOF && r.r < r.w {
		return io.ErrUnexpectedEOF
	}
	return err
}
