package metrics

import (
	"slices"
	"strings"

	"github.com/zancudomq/zancudo/packet"
)

// Kind says how a figure behaves.
type Kind byte

// The kinds.
const (
	Counter Kind = iota // only grows
	Gauge               // goes up and down
	Peak                // the highest value of a gauge
)

// Row is all there is to know about a figure.
type Row struct {
	// Topics are where it is published, below $SYS/broker/. Those after the
	// first are older names.
	Topics []string
	Name   string // of the series in Prometheus, without zancudo_
	Labels string // of the series, as label="value"
	Help   string // what it is, without a full stop
	Series string // what the whole series is; empty: as Help
	Kind   Kind
	Ours   bool // Mosquitto does not have it
	Value  func(*Sample) int64
	Text   func(*Sample) string // what its topics say; nil: the value
}

// Rows returns the table. The caller must not change it.
func Rows() []Row { return table }

// table has the rows in the order in which they are published.
var table = slices.Concat(mosquitto, packets(), ours, loggedIn, stored)

// mosquitto are the figures that Mosquitto has.
var mosquitto = []Row{
	{
		Topics: []string{"clients/total"}, Name: "sessions", Kind: Gauge,
		Help:  "Sessions, of connected and of absent clients",
		Value: func(s *Sample) int64 { return int64(s.Sessions) },
	},
	{
		Topics: []string{"clients/maximum"}, Name: "clients_connected_maximum", Kind: Peak,
		Help:  "The most clients that were connected at a time",
		Value: func(s *Sample) int64 { return int64(s.MostConnected) },
	},
	{
		Topics: []string{"clients/disconnected", "clients/inactive"}, Name: "sessions_absent", Kind: Gauge,
		Help:  "Sessions whose client is not connected",
		Value: func(s *Sample) int64 { return int64(max(s.Sessions-s.Connected, 0)) },
	},
	{
		Topics: []string{"clients/connected", "clients/active"}, Name: "clients_connected", Kind: Gauge,
		Help:  "Clients that are connected",
		Value: func(s *Sample) int64 { return int64(s.Connected) },
	},
	{
		Topics: []string{"clients/expired"}, Name: "sessions_expired_total", Kind: Counter,
		Help:  "Sessions that have ended because their client stayed away",
		Value: func(s *Sample) int64 { return int64(s.SessionsExpired) },
	},
	{
		Topics: []string{"messages/stored", "store/messages/count"}, Name: "messages_held", Kind: Gauge,
		Help:  "Messages that are held: retained, on their way, or waiting for a client",
		Value: func(s *Sample) int64 { return int64(s.Held + s.Retained) },
	},
	{
		Topics: []string{"store/messages/bytes"}, Name: "messages_held_bytes", Kind: Gauge,
		Help:  "Bytes of their payloads",
		Value: func(s *Sample) int64 { return int64(s.HeldBytes + s.RetainedBytes) },
	},
	{
		Topics: []string{"subscriptions/count"}, Name: "subscriptions", Kind: Gauge,
		Help:  "Subscriptions, without shared ones",
		Value: func(s *Sample) int64 { return int64(s.Subscriptions - s.SharedSubscriptions) },
	},
	{
		Topics: []string{"shared_subscriptions/count"}, Name: "shared_subscriptions", Kind: Gauge,
		Help:  "Shared subscriptions, of each member",
		Value: func(s *Sample) int64 { return int64(s.SharedSubscriptions) },
	},
	{
		Topics: []string{"retained messages/count"}, Name: "retained_messages", Kind: Gauge,
		Help:  "Retained messages, those below $SYS too",
		Value: func(s *Sample) int64 { return int64(s.Retained) },
	},
	{
		Topics: []string{"heap/current"}, Name: "heap_bytes", Kind: Gauge,
		Help:  "Bytes in use for objects, with those not collected yet",
		Value: func(s *Sample) int64 { return int64(s.Heap) },
	},
	{
		Topics: []string{"heap/maximum"}, Name: "heap_maximum_bytes", Kind: Peak,
		Help:  "The most of them that was found",
		Value: func(s *Sample) int64 { return int64(s.HeapMaximum) },
	},
	{
		Topics: []string{"messages/received"}, Name: "packets_received_total", Kind: Counter,
		Help: "MQTT packets of any type that were received", Value: (*Sample).packetsReceived,
	},
	{
		Topics: []string{"messages/sent"}, Name: "packets_sent_total", Kind: Counter,
		Help: "MQTT packets of any type that were sent", Value: (*Sample).packetsSent,
	},
	{
		Topics: []string{"bytes/received"}, Name: "bytes_received_total", Kind: Counter,
		Help: "Bytes of all MQTT packets that were received", Value: func(s *Sample) int64 { return int64(s.BytesReceived) },
	},
	{
		Topics: []string{"bytes/sent"}, Name: "bytes_sent_total", Kind: Counter,
		Help: "Bytes of all MQTT packets that were sent", Value: func(s *Sample) int64 { return int64(s.BytesSent) },
	},
	{
		Topics: []string{"publish/bytes/received"}, Name: "payload_bytes_received_total", Kind: Counter,
		Help:  "Bytes of the payloads of PUBLISH packets that were received",
		Value: func(s *Sample) int64 { return int64(s.MessageBytesReceived) },
	},
	{
		Topics: []string{"publish/bytes/sent"}, Name: "payload_bytes_sent_total", Kind: Counter,
		Help:  "Bytes of the payloads of PUBLISH packets that were sent",
		Value: func(s *Sample) int64 { return int64(s.MessageBytesSent) },
	},
	{
		Topics: []string{"packet/out/count"}, Name: "packets_waiting", Kind: Gauge,
		Help:  "Packets that wait for their client to read them",
		Value: func(s *Sample) int64 { return int64(s.Pending) },
	},
	{
		Topics: []string{"packet/out/bytes"}, Name: "packets_waiting_bytes", Kind: Gauge,
		Help:  "Bytes that wait for their client to read them",
		Value: func(s *Sample) int64 { return int64(s.PendingBytes) },
	},
	{
		Topics: []string{"connections/socket/count"}, Name: "connections_accepted_total", Kind: Counter,
		Help:  "Connections that were accepted, with those that never became a client",
		Value: func(s *Sample) int64 { return int64(s.ConnectionsAccepted) },
	},
	{
		Topics: []string{"publish/messages/dropped", "messages/publish/dropped"}, Name: "messages_dropped_total", Kind: Counter,
		Help:  "Messages that a client did not get, or was not allowed to publish",
		Value: func(s *Sample) int64 { return int64(s.MessagesDropped) },
	},
	{
		Topics: []string{"publish/messages/received", "messages/publish/received"}, Name: "messages_received_total", Kind: Counter,
		Help:  "PUBLISH packets that were received",
		Value: func(s *Sample) int64 { return int64(s.PacketsReceived[packet.PUBLISH]) },
	},
	{
		Topics: []string{"publish/messages/sent", "messages/publish/sent"}, Name: "messages_sent_total", Kind: Counter,
		Help:  "PUBLISH packets that were sent",
		Value: func(s *Sample) int64 { return int64(s.PacketsSent[packet.PUBLISH]) },
	},
}

// packets returns the rows of each type of packet, which Mosquitto's manual has
// and Mosquitto does not publish.
func packets() []Row {
	var rows []Row
	for t := packet.CONNECT; t <= packet.AUTH; t++ {
		rows = append(rows, ofType(t, "received", func(s *Sample) int64 { return int64(s.PacketsReceived[t]) }))
	}
	for t := packet.CONNECT; t <= packet.AUTH; t++ {
		rows = append(rows, ofType(t, "sent", func(s *Sample) int64 { return int64(s.PacketsSent[t]) }))
	}
	return rows
}

func ofType(t packet.Type, way string, value func(*Sample) int64) Row {
	name := strings.ToLower(t.String())
	return Row{
		Topics: []string{"mqtt/" + name + "/" + way}, Name: "packets_by_type_" + way + "_total", Labels: `type="` + name + `"`,
		Series: "MQTT packets that were " + way + ", by type", Help: t.String() + " packets that were " + way,
		Kind: Counter, Ours: true, Value: value,
	}
}

// ours are the figures that Mosquitto does not have.
var ours = []Row{
	{
		Topics: []string{"messages/inflight"}, Name: "messages_under_way", Kind: Gauge, Ours: true,
		Help:  "Messages on their way to a client or waiting for one, retained ones not counted",
		Value: func(s *Sample) int64 { return int64(s.Held) },
	},
	{
		Topics: []string{"retained messages/bytes"}, Name: "retained_messages_bytes", Kind: Gauge, Ours: true,
		Help:  "Bytes of the payloads of retained messages",
		Value: func(s *Sample) int64 { return int64(s.RetainedBytes) },
	},
	{
		Topics: []string{"connections/open"}, Name: "connections_open", Kind: Gauge, Ours: true,
		Help:  "Connections that are open, with those that have sent no CONNECT",
		Value: func(s *Sample) int64 { return int64(s.Sockets) },
	},
	{
		Topics: []string{"connections/half_open"}, Name: "connections_half_open", Kind: Gauge, Ours: true,
		Help:  "Connections that have sent no CONNECT",
		Value: func(s *Sample) int64 { return int64(s.HalfOpen) },
	},
	{
		Topics: []string{"connections/refused"}, Name: "connections_refused_total", Kind: Counter, Ours: true,
		Help:  "Connections whose CONNECT was not accepted",
		Value: func(s *Sample) int64 { return int64(s.ConnectionsRefused) },
	},
	{
		Topics: []string{"connections/unfinished"}, Name: "connections_unfinished_total", Kind: Counter, Ours: true,
		Help:  "Connections that were gone before their CONNECT was complete",
		Value: func(s *Sample) int64 { return int64(s.ConnectionsUnfinished) },
	},
	{
		Topics: []string{"connections/silent"}, Name: "connections_silent_total", Kind: Counter, Ours: true,
		Help:  "Connections that were gone without a byte, as those of health checks",
		Value: func(s *Sample) int64 { return int64(s.ConnectionsSilent) },
	},
	{
		Topics: []string{"connections/crowded_out"}, Name: "connections_crowded_out_total", Kind: Counter, Ours: true,
		Help:  "Connections that were closed because too many had sent no CONNECT",
		Value: func(s *Sample) int64 { return int64(s.ConnectionsCrowdedOut) },
	},
	dropped("slow", "Messages of QoS 0 that a client did not get because it reads too slowly", func(s *Sample) uint64 { return s.DroppedSlow }),
	dropped("queue_full", "Messages that a client did not get because its queue was full", func(s *Sample) uint64 { return s.DroppedQueueFull }),
	dropped("too_large", "Messages that a client did not get because they exceed its Maximum Packet Size", func(s *Sample) uint64 { return s.DroppedTooLarge }),
	dropped("refused", "Messages that a client was not allowed to publish, or to get", func(s *Sample) uint64 { return s.DroppedRefused }),
	{
		Topics: []string{"process/files/open"}, Name: "open_files", Kind: Gauge, Ours: true,
		Help:  "Files and sockets that are open",
		Value: func(s *Sample) int64 { return int64(s.Files) },
	},
	{
		Topics: []string{"process/files/maximum"}, Name: "open_files_limit", Kind: Gauge, Ours: true,
		Help:  "Files and sockets that may be open",
		Value: func(s *Sample) int64 { return int64(s.MostFiles) },
	},
	{
		Topics: []string{"process/goroutines"}, Name: "goroutines", Kind: Gauge, Ours: true,
		Help:  "Goroutines of the process",
		Value: func(s *Sample) int64 { return int64(s.Goroutines) },
	},
	{
		Topics: []string{"process/memory"}, Name: "memory_bytes", Kind: Gauge, Ours: true,
		Help:  "Bytes that the process has from the system",
		Value: func(s *Sample) int64 { return int64(s.Memory) },
	},
}

// dropped is the row of one reason to drop messages.
func dropped(reason, help string, value func(*Sample) uint64) Row {
	return Row{
		Topics: []string{"publish/messages/dropped/" + reason}, Name: "messages_dropped_by_reason_total", Labels: `reason="` + reason + `"`,
		Series: "Messages that were dropped, by reason", Help: help, Kind: Counter, Ours: true,
		Value: func(s *Sample) int64 { return int64(value(s)) },
	}
}

func (s *Sample) packetsReceived() int64 { return sum(s.PacketsReceived[:]) }
func (s *Sample) packetsSent() int64     { return sum(s.PacketsSent[:]) }

func sum(counters []uint64) (n int64) {
	for _, c := range counters {
		n += int64(c)
	}
	return n
}
