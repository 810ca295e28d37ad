package daemon

import (
	"log/slog"
	"sync"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/logs"
	"github.com/zancudomq/zancudo/internal/service"
	"github.com/zancudomq/zancudo/packet"
)

// obeyRequests does what signals ask for, one after the other, until stop is
// called.
func obeyRequests(do map[service.Request]func()) (stop func()) {
	requests, stopRequests := service.Requests()
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case r := <-requests:
				if f := do[r]; f != nil {
					f()
				}
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
		stopRequests()
	}
}

// reopen begins new log files, where the old ones have been renamed.
func reopen(log *logs.Log, logger *slog.Logger) {
	if err := log.Reopen(); err != nil {
		logger.Error("log not reopened", "err", err)
	}
}

// maxTreeLines bounds what a broker prints of itself: a log is no place for a
// million subscriptions.
const maxTreeLines = 1000

// printTree logs who subscribes to what, and which topics have a retained
// message.
func printTree(b *broker.Broker, logger *slog.Logger) {
	lines, subscriptions := 0, 0
	for cl := range b.Clients() {
		for _, filter := range cl.Subscriptions() {
			if subscriptions++; lines < maxTreeLines {
				lines++
				logger.Info("subscription", "client", cl.ID(), "filter", filter)
			}
		}
	}
	retained := retainedMessages(b)
	for i := range min(len(retained), maxTreeLines) {
		m := retained[i]
		logger.Info("retained message", "topic", m.Topic, "qos", int(m.QoS), "bytes", len(m.Payload))
	}
	logger.Info("tree printed", "subscriptions", subscriptions, "retained", len(retained), "most_lines", maxTreeLines)
}

// retainedMessages are those that a wildcard matches.
func retainedMessages(b *broker.Broker) (all []*packet.Message) {
	var mu sync.Mutex // messages may come just now, from other goroutines
	stop, err := b.Subscribe("#", func(m *packet.Message) {
		mu.Lock()
		defer mu.Unlock()
		if m.Retain {
			all = append(all, m)
		}
	})
	if err != nil {
		return nil // the broker is closed
	}
	stop()
	mu.Lock()
	defer mu.Unlock()
	return all
}

// report logs the figures of the broker.
func report(b *broker.Broker, logger *slog.Logger) {
	s := b.Stats()
	logger.Info("figures", "clients", s.Connected, "sessions", s.Sessions, "half_open", s.HalfOpen, "subscriptions", s.Subscriptions,
		"retained", s.Retained, "connections_accepted", s.ConnectionsAccepted, "connections_refused", s.ConnectionsRefused,
		"connections_unfinished", s.ConnectionsUnfinished, "messages_received", s.PacketsReceived[packet.PUBLISH], "messages_sent", s.PacketsSent[packet.PUBLISH],
		"messages_dropped", s.MessagesDropped)
}
