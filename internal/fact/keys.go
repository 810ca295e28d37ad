package fact

import "encoding/binary"

// The keys of the store begin with a letter; numbers are big-endian, so that
// they are in order:
//
//	s sid            a session
//	u sid filter     a subscription of it
//	q sid number     a message of QoS 1 or 2 that it has still to get
//	p sid packet-id  a message of QoS 2 that it has sent and not yet released
//	r topic          a retained message
//	m body           a message that several sessions have still to get
//
// sid and body count up. A value begins with its version; numbers in it are
// varints, texts have their length before them.
const (
	SessionLetter      = 's'
	SubscriptionLetter = 'u'
	QueuedLetter       = 'q'
	ReceivingLetter    = 'p'
	RetainedLetter     = 'r'
	BodyLetter         = 'm'
)

const version = 1

const idEnd = 1 + 8 // of a letter and a number

// Key appends a key of a letter and a number, or what such keys begin with.
func Key(dst []byte, letter byte, id uint64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, letter), id)
}

// QueuedKey appends the key of a queued message.
func QueuedKey(dst []byte, sid, number uint64) []byte {
	return binary.BigEndian.AppendUint64(Key(dst, QueuedLetter, sid), number)
}

// ReceivingKey appends the key of a packet identifier that awaits PUBREL.
func ReceivingKey(dst []byte, sid uint64, id uint16) []byte {
	return binary.BigEndian.AppendUint16(Key(dst, ReceivingLetter, sid), id)
}

// SubscriptionKey appends the key of a subscription.
func SubscriptionKey(dst []byte, sid uint64, filter string) []byte {
	return append(Key(dst, SubscriptionLetter, sid), filter...)
}

// RetainedKey appends the key of a retained message.
func RetainedKey(dst []byte, topic string) []byte {
	return append(append(dst, RetainedLetter), topic...)
}

// ID is the number after the letter of a key, and what follows it.
func ID(key []byte) (id uint64, rest []byte, err error) {
	if len(key) < idEnd {
		return 0, nil, ErrDamaged
	}
	return binary.BigEndian.Uint64(key[1:]), key[idEnd:], nil
}

// PacketID is the identifier in the rest of a ReceivingKey.
func PacketID(rest []byte) (uint16, error) {
	if len(rest) != 2 {
		return 0, ErrDamaged
	}
	return binary.BigEndian.Uint16(rest), nil
}
