package bench

import "encoding/binary"

// The hot path knows PUBLISH and its acknowledgements by their bytes. It is
// several times cheaper than package packet, which must keep topic names and
// look at properties; wire_test.go holds the two against each other.

// stamp is how a payload begins.
type stamp struct {
	source, sequence uint32
	sent             int64 // nanoseconds since the run began
}

// publication is how the PUBLISH packets of a run look.
type publication struct {
	first  byte // of the packet
	qos    byte
	v5     bool
	empty  bool   // no payload at all
	filler []byte // the payload after the stamp
}

func newPublication(o *Options, retain bool) publication {
	p := publication{qos: byte(o.QoS), v5: o.Version == 5, filler: make([]byte, o.PayloadBytes-MinPayload)}
	p.first = 0x30 | p.qos<<1
	if retain {
		p.first |= 1
	}
	for i := range p.filler {
		p.filler[i] = "0123456789abcdef"[i%16]
	}
	return p
}

// append appends a PUBLISH packet.
func (p *publication) append(b, topic []byte, id uint16, s stamp) []byte {
	length := 2 + len(topic)
	if !p.empty {
		length += MinPayload + len(p.filler)
	}
	if p.qos > 0 {
		length += 2
	}
	if p.v5 {
		length++
	}
	b = append(b, p.first)
	for ; length > 127; length >>= 7 {
		b = append(b, byte(length)|128)
	}
	b = append(b, byte(length), byte(len(topic)>>8), byte(len(topic)))
	b = append(b, topic...)
	if p.qos > 0 {
		b = append(b, byte(id>>8), byte(id))
	}
	if p.v5 {
		b = append(b, 0) // no properties
	}
	if p.empty {
		return b
	}
	b = binary.BigEndian.AppendUint32(b, s.source)
	b = binary.BigEndian.AppendUint32(b, s.sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(s.sent))
	return append(b, p.filler...)
}

// frame returns the size of the packet at the start of b and of its fixed
// header; zero: b does not tell yet; negative: it is malformed.
func frame(b []byte) (size, header int) {
	length := 0
	for i := 1; i < len(b) && i < 5; i++ {
		length |= int(b[i]&127) << (7 * (i - 1))
		if b[i] < 128 {
			return 1 + i + length, 1 + i
		}
	}
	if len(b) < 5 {
		return 0, 0
	}
	return -1, 0
}

// parsePublish takes apart the body of a PUBLISH, which is all after its fixed
// header.
func parsePublish(body []byte, qos byte, v5 bool) (id uint16, payload []byte, ok bool) {
	if len(body) < 2 {
		return 0, nil, false
	}
	at := 2 + int(binary.BigEndian.Uint16(body))
	if qos > 0 {
		if len(body) < at+2 {
			return 0, nil, false
		}
		id = binary.BigEndian.Uint16(body[at:])
		at += 2
	}
	if v5 && at < len(body) {
		properties, shift := 0, 0
		for ; at < len(body) && shift < 28; shift += 7 {
			properties |= int(body[at]&127) << shift
			at++
			if body[at-1] < 128 {
				break
			}
		}
		at += properties
	}
	if at > len(body) {
		return 0, nil, false
	}
	return id, body[at:], true
}

func parseStamp(payload []byte) stamp {
	return stamp{
		source:   binary.BigEndian.Uint32(payload),
		sequence: binary.BigEndian.Uint32(payload[4:]),
		sent:     int64(binary.BigEndian.Uint64(payload[8:])),
	}
}
