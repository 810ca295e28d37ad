package broker_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store/storetest"
	"github.com/zancudomq/zancudo/packet"
)

// unhurried is a store that takes its time to be read.
type unhurried struct{ broker.Store }

func (u unhurried) Range(from, to []byte, yield func(key, value []byte) bool) error {
	return u.Store.Range(from, to, func(key, value []byte) bool {
		time.Sleep(3 * time.Millisecond)
		return yield(key, value)
	})
}

// TestRestoreTellsProgress: a start that takes long says how far it is.
func TestRestoreTellsProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		medium := &storetest.Memory{}
		logger := slog.New(slog.NewTextHandler(&log, nil))
		first := broker.New(broker.Options{Store: openMemory(t, medium)})
		if err := first.Restore(); err != nil {
			t.Fatal(err)
		}
		for i := range 2000 {
			if err := first.Publish(&packet.Message{Topic: fmt.Sprint("kept/", i), Payload: []byte("x"), Retain: true}); err != nil {
				t.Fatal(err)
			}
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		second := broker.New(broker.Options{Store: unhurried{openMemory(t, medium)}, Logger: logger})
		defer second.Close()
		began := time.Now()
		if err := second.Restore(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 6*time.Second {
			t.Fatalf("reading takes %v", took)
		}
		if n := second.Stats().Retained; n != 2000 {
			t.Errorf("%d retained messages", n)
		}
		if n := strings.Count(log.String(), `msg="store is being read" facts=`); n != 3 || !strings.Contains(log.String(), "facts=512 sessions=0 retained=511\n") {
			t.Errorf("it says\n%s", &log)
		}
	})
}

// TestRestoreFromFullStore: what is there is served, though nothing can be added.
func TestRestoreFromFullStore(t *testing.T) {
	atStation(t, broker.Options{}, func(s *station) {
		sub := s.subscriber(lasting, "a qos=1")
		sub.Drop()
		pub := s.connect("v5 id=pub clean", "")
		pub.SendText("PUBLISH 1 a qos=1 kept", "PUBLISH 2 r qos=1 retain here")
		pub.Expect("PUBACK 1", "PUBACK 2 0x10")
		s.trouble = fmt.Errorf("no space left: %w", packet.QuotaExceeded)
		s.restart()
		sub = s.connect(resuming, " present")
		sub.Expect("PUBLISH 1 a dup qos=1 kept")
		pub = s.connect("v5 id=pub clean", "")
		pub.SendText("SUBSCRIBE 1 r")
		pub.Expect("SUBACK 1 0", "PUBLISH r retain here")
		pub.SendText("PUBLISH 2 a qos=1 more")
		pub.Expect("PUBACK 2 0x97 ...")
		s.trouble = nil
		s.store.fail(nil)
		time.Sleep(2 * time.Second)
		pub.SendText("PUBLISH 3 a qos=1 more")
		pub.Expect("PUBACK 3")
		sub.Expect("PUBLISH 2 a qos=1 more")
	})
}
