package packet_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

func TestExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name     string
		left     time.Duration
		interval uint32
		expired  bool
	}{
		{"a minute", time.Minute, 60, false},
		{"rounded up", time.Minute - 1, 60, false},
		{"the last nanosecond", 1, 1, false}, // [MQTT-3.3.2-6]
		{"now", 0, 0, true},
		{"long ago", -time.Hour, 0, true},
		{"the longest that can be said", (1<<32 - 1) * time.Second, 1<<32 - 1, false},
		{"longer than can be said", 1 << 32 * time.Second, 1<<32 - 1, false},
	}
	for _, tt := range tests {
		m := packet.Message{Expires: now.Add(tt.left)}
		if got := m.ExpiryInterval(now); got != tt.interval {
			t.Errorf("%s: interval %d, want %d", tt.name, got, tt.interval)
		}
		if got := m.Expired(now); got != tt.expired {
			t.Errorf("%s: expired %v, want %v", tt.name, got, tt.expired)
		}
	}
	if (&packet.Message{}).Expired(now) {
		t.Error("a message without expiry has expired")
	}
}

func TestClone(t *testing.T) {
	t.Parallel()
	m := &packet.Message{
		Topic: "t", Payload: []byte("payload"), QoS: 2, Retain: true, Expires: time.Unix(1, 0),
		Properties: &packet.MessageProperties{CorrelationData: []byte("data"), UserProperties: []packet.UserProperty{{Name: "k", Value: "v"}}},
	}
	c := m.Clone()
	text := (&packet.Publish{Message: *m}).String()
	clear(m.Payload)
	clear(m.Properties.CorrelationData)
	clear(m.Properties.UserProperties)
	if got := (&packet.Publish{Message: *c}).String(); got != text || !c.Expires.Equal(m.Expires) {
		t.Errorf("got  %s\nwant %s", got, text)
	}
	if c := (&packet.Message{}).Clone(); c.Properties != nil {
		t.Error("a message without properties got some")
	}
}

// The header and the payload are the packet.
func TestAppendHeader(t *testing.T) {
	t.Parallel()
	for _, v := range []packet.Version{v31, v311, v5} {
		p := message(packet.AtLeastOnce)
		p.Properties = &packet.MessageProperties{ContentType: "c"}
		whole, err := p.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		header, err := p.AppendHeader(nil, v)
		if got := append(header, p.Payload...); err != nil || !bytes.Equal(got, whole) {
			t.Errorf("%v: got % x, %v\nwant % x", v, got, err, whole)
		}
	}
}

func TestPatchPublish(t *testing.T) {
	t.Parallel()
	for _, v := range []packet.Version{v311, v5} {
		for _, size := range []int{0, 200, 20_000} {
			p := message(packet.ExactlyOnce)
			p.Payload = make([]byte, size)
			p.Retain = true
			patched, err := p.Append(nil, v)
			if err != nil {
				t.Fatal(err)
			}
			for _, dup := range []bool{true, false} {
				p.PacketID, p.Dup = p.PacketID+300, dup
				packet.PatchPublish(patched, p.PacketID, dup)
				want, err := p.Append(nil, v)
				if err != nil || !bytes.Equal(patched, want) {
					t.Errorf("%v, %d bytes, dup %v: got % x, want % x, %v", v, size, dup, patched[:40], want[:40], err)
				}
			}
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for v, want := range map[packet.Version]string{v31: "3.1", v311: "3.1.1", v5: "5.0", 9: "level 9"} {
		if got := v.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := packet.Type(0).String() + packet.AUTH.String(); got != "RESERVEDAUTH" {
		t.Errorf("got %q", got)
	}
}
