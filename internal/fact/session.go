package fact

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// Session is a session as it is stored.
type Session struct {
	ID, User  string
	Vacant    bool          // nobody knows whom it belongs to
	Expiry    uint32        // Session Expiry Interval in seconds
	Connected bool          // when the fact was written
	Since     time.Time     // when it was disconnected
	Patience  time.Duration // how long its silence is borne while it is connected
	WillAt    time.Time     // when the will is due; zero: not known, or none
	Will      *packet.Will  // nil: none
}

// Append appends the value of a session.
func (f *Session) Append(b []byte) ([]byte, error) {
	flags := byte(0)
	if f.Connected {
		flags |= 1
	}
	if f.Will != nil {
		flags |= 2
	}
	if f.Will != nil && f.Will.HasMessageExpiry {
		flags |= 4
	}
	if f.Vacant {
		flags |= 8
	}
	b = appendText(appendText(append(b, version, flags), f.ID), f.User)
	b = binary.AppendUvarint(b, uint64(f.Expiry))
	b = binary.AppendUvarint(b, uint64(f.Patience))
	b = appendTime(appendTime(b, f.Since), f.WillAt)
	if f.Will == nil {
		return b, nil
	}
	b = binary.AppendUvarint(b, uint64(f.Will.DelayInterval))
	b = binary.AppendUvarint(b, uint64(f.Will.MessageExpiry))
	return appendMessage(b, &f.Will.Message)
}

// ReadSession reads what Append has written.
func ReadSession(value []byte) (*Session, error) {
	r := read(value)
	flags := r.byte()
	f := &Session{
		Connected: flags&1 != 0, Vacant: flags&8 != 0, ID: r.text(), User: r.text(), Expiry: uint32(r.uint()), Patience: time.Duration(r.uint()),
	}
	f.Since, f.WillAt = r.time(), r.time()
	if flags&2 == 0 {
		return f, r.err
	}
	f.Will = &packet.Will{HasMessageExpiry: flags&4 != 0, DelayInterval: uint32(r.uint()), MessageExpiry: uint32(r.uint())}
	if m := r.message(); m != nil {
		f.Will.Message = *m
	}
	return f, r.err
}

// The options of a subscription, above its QoS.
const (
	flagNoLocal           = 1 << 2
	flagRetainAsPublished = 1 << 3
)

// AppendSubscription appends the value of a subscription.
func AppendSubscription(b []byte, sub *session.Subscription) []byte {
	flags := byte(sub.QoS)
	if sub.NoLocal {
		flags |= flagNoLocal
	}
	if sub.RetainAsPublished {
		flags |= flagRetainAsPublished
	}
	b = append(b, version, flags)
	for _, id := range sub.IDs {
		b = binary.AppendUvarint(b, uint64(id))
	}
	return b
}

// ReadSubscription reads what AppendSubscription has written.
func ReadSubscription(filter string, value []byte) (*session.Subscription, error) {
	r := read(value)
	flags := r.byte()
	if r.err != nil {
		return nil, r.err
	}
	sub, err := session.NewSubscription(&packet.Subscription{
		Filter: filter, QoS: packet.QoS(flags & 3), NoLocal: flags&flagNoLocal != 0, RetainAsPublished: flags&flagRetainAsPublished != 0,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for len(r.rest) > 0 && r.err == nil {
		sub.IDs = append(sub.IDs, uint32(r.uint()))
	}
	return sub, r.err
}
