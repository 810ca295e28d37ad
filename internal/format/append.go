package format

import (
	"encoding/binary"
	"math"
	"strconv"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// append appends what the step stands for. What it has to complain of is a
// sentence that lacks the topic.
func (s *step) append(b []byte, p *packet.Publish, now time.Time) ([]byte, string) {
	switch s.verb {
	case text:
		return append(b, s.text...), ""
	case verbose:
		b = append(append(b, p.Topic...), ' ')
		if len(p.Payload) == 0 {
			return append(b, "(null)"...), ""
		}
		return append(b, p.Payload...), ""
	case 't':
		return s.column(b, p.Topic), ""
	case 'p':
		return s.payload(b, p.Payload), ""
	case 'x':
		return s.hex(b, p.Payload, "0123456789abcdef"), ""
	case 'X':
		return s.hex(b, p.Payload, "0123456789ABCDEF"), ""
	case 'f', 'd':
		return s.float(b, p.Payload)
	case 'l':
		return s.number(b, uint64(len(p.Payload))), ""
	case 'm':
		return s.number(b, uint64(p.PacketID)), ""
	case 'q':
		return append(b, '0'+byte(p.QoS)), ""
	case 'r':
		if p.Retain {
			return append(b, '1'), ""
		}
		return append(b, '0'), ""
	case moment, 'I', 'U':
		return s.moment(b, now), ""
	case 'j':
		return appendJSON(b, p, now, s.pretty), ""
	case 'J':
		return appendMessageOfJSON(b, p, now, s.pretty)
	default:
		return s.property(b, p), ""
	}
}

// property appends a property of MQTT 5.0, or blanks if it is absent.
func (s *step) property(b []byte, p *packet.Publish) []byte {
	m := p.Properties
	if m == nil {
		m = &packet.MessageProperties{}
	}
	switch {
	case s.verb == 'A' && p.TopicAlias != 0:
		return s.number(b, uint64(p.TopicAlias))
	case s.verb == 'C' && m.ContentType != "":
		return s.column(b, m.ContentType)
	case s.verb == 'D':
		return append(b, m.CorrelationData...)
	case s.verb == 'E' && p.HasMessageExpiry:
		return s.number(b, uint64(p.MessageExpiry))
	case s.verb == 'F' && m.PayloadIsUTF8:
		return s.number(b, 1)
	case s.verb == 'F' && m.PayloadIsBytes:
		return s.number(b, 0)
	case s.verb == 'P':
		for i, u := range m.UserProperties {
			if i > 0 {
				b = append(b, ' ')
			}
			b = append(b, u.Name...)
			b = append(b, ':')
			b = append(b, u.Value...)
		}
		return b
	case s.verb == 'R' && m.ResponseTopic != "":
		return s.column(b, m.ResponseTopic)
	case s.verb == 'R':
		return b // Mosquitto keeps no column for it
	case s.verb == 'S' && len(p.SubscriptionIDs) > 0:
		return s.number(b, uint64(p.SubscriptionIDs[0]))
	}
	return repeat(b, s.pad, s.width)
}

// moment appends the time or a part of it.
func (s *step) moment(b []byte, now time.Time) []byte {
	switch {
	case s.verb == 'I':
		start := len(b)
		b = now.AppendFormat(b, "2006-01-02T15:04:05-0700")
		return s.fit(b, start)
	case s.verb == 'U':
		b = strconv.AppendInt(b, now.Unix(), 10)
		return appendPadded(append(b, '.'), now.Nanosecond(), 9, '0')
	case s.letter == 'N':
		return appendPadded(b, now.Nanosecond(), 9, '0')
	}
	return appendStrftime(b, s.letter, now)
}

// column appends a string: at most precision bytes of it, in width bytes.
func (s *step) column(b []byte, v string) []byte {
	start := len(b)
	return s.fit(append(b, v...), start)
}

// fit makes a column of what begins at start.
func (s *step) fit(b []byte, start int) []byte {
	if s.precision >= 0 && len(b)-start > s.precision {
		b = b[:start+s.precision]
	}
	return s.align(b, start, ' ')
}

// align fills up what begins at start to the width.
func (s *step) align(b []byte, start int, pad byte) []byte {
	missing := s.width - (len(b) - start)
	if missing <= 0 {
		return b
	}
	if s.left {
		return repeat(b, ' ', missing)
	}
	b = repeat(b, pad, missing)
	copy(b[start+missing:], b[start:len(b)-missing])
	for i := range missing {
		b[start+i] = pad
	}
	return b
}

func (s *step) number(b []byte, v uint64) []byte {
	start := len(b)
	return s.align(strconv.AppendUint(b, v, 10), start, s.pad)
}

// payload appends the payload, of which a width shows no more than fits in it.
func (s *step) payload(b, payload []byte) []byte {
	start := len(b)
	return s.align(append(b, s.shown(payload)...), start, s.pad)
}

// shown is the part of a payload that is printed: as many bytes as the column is
// wide.
func (s *step) shown(payload []byte) []byte {
	if s.width > 0 && len(payload) > s.width {
		return payload[:s.width]
	}
	return payload
}

// hex appends the payload in hexadecimal digits, with a separator after each
// group of as many digits as the precision says. Digits that are missing to the
// width are filled up and grouped as well.
func (s *step) hex(b, payload []byte, digits string) []byte {
	payload = s.shown(payload)
	missing := max(0, s.width-2*len(payload))
	position := 0
	group := func() {
		if position++; s.precision > 0 && position%s.precision == 0 {
			b = append(b, s.separator)
		}
	}
	if !s.left {
		for range missing {
			b = append(b, s.pad)
			group()
		}
	}
	for i, c := range payload {
		b = append(b, digits[c>>4])
		group()
		b = append(b, digits[c&15])
		if i < len(payload)-1 {
			group()
		}
	}
	if s.left {
		b = repeat(b, ' ', missing)
	}
	return b
}

// float appends a payload that is a floating-point number in the byte order of
// the machines that we run on.
func (s *step) float(b, payload []byte) ([]byte, string) {
	var v float64
	switch {
	case s.verb == 'f' && len(payload) == 4:
		v = float64(math.Float32frombits(binary.LittleEndian.Uint32(payload)))
	case s.verb == 'd' && len(payload) == 8:
		v = math.Float64frombits(binary.LittleEndian.Uint64(payload))
	case s.verb == 'f':
		return b, "requested float printing, but non-float data received"
	default:
		return b, "requested double printing, but non-double data received"
	}
	precision, pad, start := s.precision, s.pad, len(b)
	if precision < 0 {
		precision = 6
	}
	if math.Signbit(v) { // the sign stands before the zeros
		b = append(b, '-')
		v = -v
	}
	switch {
	case math.IsNaN(v):
		b, pad = append(b, "nan"...), ' '
	case math.IsInf(v, 0):
		b, pad = append(b, "inf"...), ' '
	default:
		b = strconv.AppendFloat(b, v, 'f', precision, 64)
	}
	if negative := b[start] == '-'; negative && pad == '0' {
		shorter := *s
		shorter.width--
		return shorter.align(b, start+1, pad), ""
	}
	return s.align(b, start, pad), ""
}

func repeat(b []byte, c byte, n int) []byte {
	for range n {
		b = append(b, c)
	}
	return b
}

// appendPadded appends a number of at least as many digits.
func appendPadded(b []byte, v, digits int, pad byte) []byte {
	start := len(b)
	s := step{width: digits}
	return s.align(strconv.AppendInt(b, int64(v), 10), start, pad)
}
