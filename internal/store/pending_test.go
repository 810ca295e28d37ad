package store

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/zancudomq/zancudo/broker"
)

// randomKey is a letter and perhaps a number or two, of few that there are, so
// that they often meet.
func randomKey(r *rand.Rand) []byte {
	key := []byte{byte('p' + r.IntN(3))}
	for range r.IntN(3) {
		n := uint64(r.IntN(4))
		if r.IntN(8) == 0 {
			n = ^n
		}
		key = binary.BigEndian.AppendUint64(key, n)
	}
	return key
}

// Nobody may overlook what waits; and who reads what is behind all that waits of
// a session need not wait for it.
func TestPendingTouches(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		var p pending
		for range r.IntN(6) {
			p.add([]broker.Fact{{Key: randomKey(r), Value: []byte{1}}})
		}
		from, to := randomKey(r), randomKey(r)
		if r.IntN(4) == 0 {
			to = nil
		}
		touched := false
		for key := range p.values {
			touched = touched || key >= string(from) && (to == nil || key < string(to))
		}
		if touched && !p.touches(from, to) {
			t.Fatalf("%q to %q is said not to touch any of %q", from, to, p.values)
		}
	}
	key := func(sid, number uint64) []byte {
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte{'q'}, sid), number)
	}
	var p pending
	for number := range uint64(1000) {
		p.add([]broker.Fact{{Key: key(1, number)}, {Key: key(3, number)}})
	}
	for _, sid := range []uint64{1, 2, 3} {
		if p.touches(key(sid, 1000), key(sid+1, 0)[:shelfBytes]) {
			t.Errorf("what waits of session %d is said to lie behind the end of it", sid)
		}
	}
	if !p.touches(key(3, 999), key(4, 0)[:shelfBytes]) {
		t.Error("the last that waits is overlooked")
	}
}
