package fact

import (
	"encoding/binary"

	"github.com/zancudomq/zancudo/packet"
)

// Retained is a retained message as it is stored.
type Retained struct {
	Message *packet.Message
	Order   uint64  // of storing
	Origin  *Origin // nil: the program has published it
}

// Origin is the client that has published a message.
type Origin struct{ ID, User string }

// Append appends the value of a retained message.
func (f *Retained) Append(b []byte) ([]byte, error) {
	b = binary.AppendUvarint(append(b, version), f.Order)
	if f.Origin == nil {
		b = append(b, 0)
	} else {
		b = appendText(appendText(append(b, 1), f.Origin.ID), f.Origin.User)
	}
	return appendMessage(b, f.Message)
}

// ReadRetained reads what Append has written.
func ReadRetained(value []byte) (*Retained, error) {
	r := read(value)
	f := &Retained{Order: r.uint()}
	if r.byte() == 1 {
		f.Origin = &Origin{ID: r.text(), User: r.text()}
	}
	f.Message = r.message()
	return f, r.err
}
