package bench

import (
	"fmt"
	"testing"
)

type account struct{ lost, duplicates, reordered, foreign uint64 }

func (b *books) account() account {
	return account{b.lost(), b.duplicates, b.reordered, b.foreign}
}

func TestBooksOfOneStream(t *testing.T) {
	t.Parallel()
	long := make([]uint32, 0, 300)
	for i := range uint32(300) {
		if i != 5 {
			long = append(long, i)
		}
	}
	tests := []struct {
		name     string
		sent     int
		received []uint32
		want     account
	}{
		{"all", 4, []uint32{0, 1, 2, 3}, account{}},
		{"none", 4, nil, account{lost: 4}},
		{"first lost", 4, []uint32{1, 2, 3}, account{lost: 1}},
		{"last lost", 4, []uint32{0, 1, 2}, account{lost: 1}},
		{"hole", 6, []uint32{0, 1, 4, 5}, account{lost: 2}},
		{"two swapped", 4, []uint32{0, 2, 1, 3}, account{reordered: 1}},
		{"late by many", 6, []uint32{1, 2, 3, 4, 5, 0}, account{reordered: 1}},
		{"twice", 4, []uint32{0, 1, 1, 2, 3}, account{duplicates: 1}},
		{"all twice", 3, []uint32{0, 1, 2, 0, 1, 2}, account{duplicates: 3}},
		{"swapped, one of them twice", 4, []uint32{0, 2, 1, 1, 3}, account{duplicates: 1, reordered: 1}},
		{"lost and twice", 4, []uint32{0, 2, 2, 3}, account{lost: 1, duplicates: 1}},
		{"never sent", 2, []uint32{0, 1, 2}, account{foreign: 1}},
		{"late by more than is remembered", 300, append(long, 5), account{reordered: 1}},
		{"twice after more than is remembered", 300, append(append([]uint32{}, long[:5]...), append([]uint32{5}, append(long[5:], 7)...)...), account{duplicates: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := pairedBooks(3)
			for range test.sent {
				b.publish(2)
			}
			settled := uint32(0)
			for _, sequence := range test.received {
				settled += b.receive(&conn{member: 2}, 2, sequence)
			}
			if got := b.account(); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if settled > uint32(test.sent) {
				t.Errorf("%d messages settled of %d", settled, test.sent)
			}
		})
	}
}

func TestBooksOfAPairKnowOneSource(t *testing.T) {
	t.Parallel()
	b := pairedBooks(2)
	b.publish(0)
	b.receive(&conn{member: 1}, 0, 0)
	b.receive(&conn{member: 0}, 7, 0)
	if got, want := b.account(), (account{lost: 1, foreign: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBooksOfMany(t *testing.T) {
	t.Parallel()
	b := crossBooks(3, 2)
	for range 4 {
		b.publish(0)
		b.publish(1)
	}
	for group := range 3 {
		for source := range uint32(2) {
			for sequence := range uint32(4) {
				if group != 1 || source != 1 || sequence != 2 {
					b.receive(&conn{group: group}, source, sequence)
				}
			}
		}
	}
	if got, want := b.account(), (account{lost: 1}); got != want || b.expected() != 24 || b.received != 23 {
		t.Errorf("got %+v, %d of %d, want %+v, 23 of 24", got, b.received, b.expected(), want)
	}
}

// The members of a group divide the messages of a source; each hears its share
// in order.
func TestBooksOfAGroup(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		received [][2]uint32 // member, sequence
		want     account
	}{
		{"in turn", [][2]uint32{{0, 0}, {1, 1}, {0, 2}, {1, 3}}, account{}},
		{"one after the other", [][2]uint32{{0, 0}, {0, 2}, {1, 1}, {1, 3}}, account{}},
		{"one lost", [][2]uint32{{0, 0}, {0, 2}, {1, 3}}, account{lost: 1}},
		{"both got one", [][2]uint32{{0, 0}, {1, 0}, {0, 1}, {0, 2}, {0, 3}}, account{duplicates: 1}},
		{"out of order", [][2]uint32{{0, 0}, {1, 3}, {1, 1}, {0, 2}}, account{reordered: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := groupBooks(1, 2, 1)
			for range 4 {
				b.publish(0)
			}
			for _, r := range test.received {
				b.receive(&conn{member: int(r[0])}, 0, r[1])
			}
			if got := b.account(); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// Every topic of the cube matches one filter of each kind, and no two filters
// are the same.
func TestCube(t *testing.T) {
	t.Parallel()
	k := cube{&runner{engine: &engine{run: "run"}}, 3}
	all := map[string]bool{}
	for kind := range 3 {
		for i := range k.side * k.side {
			all[k.filter(kind, i)] = true
		}
	}
	if len(all) != k.filters() {
		t.Errorf("%d distinct filters of %d", len(all), k.filters())
	}
	seen := map[string]bool{}
	for sequence := range uint32(1000) {
		name, source, inSource := k.topic(nil, &conn{member: 1}, sequence)
		seen[string(name)] = true
		if source != 1 || inSource != sequence {
			t.Fatalf("source %d, sequence %d", source, inSource)
		}
		var x, y, z int
		if _, err := fmt.Sscanf(string(name), "bench/run/%d/%d/%d", &x, &y, &z); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, filter := range []string{fmt.Sprintf("%d/%d/#", x, y), fmt.Sprintf("%d/+/%d", x, z), fmt.Sprintf("+/%d/%d", y, z)} {
			if !all["bench/run/"+filter] {
				t.Fatalf("%s: no filter %s", name, filter)
			}
		}
	}
	if len(seen) != 27 {
		t.Errorf("%d of 27 topics are used", len(seen))
	}
}
