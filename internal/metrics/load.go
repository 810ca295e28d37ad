package metrics

import (
	"math"
	"strconv"
	"time"
)

// spans are the times that loads are averaged over.
var spans = [...]struct {
	name string
	over time.Duration
}{
	{"1min", time.Minute},
	{"5min", 5 * time.Minute},
	{"15min", 15 * time.Minute},
}

// load is a counter whose growth a minute is averaged, topics below
// $SYS/broker/load/.
type load struct {
	name  string
	value func(*Sample) int64
}

// loads are Mosquitto's.
var loads = []load{
	{"messages/received", (*Sample).packetsReceived},
	{"messages/sent", (*Sample).packetsSent},
	{"publish/dropped", figure("publish/messages/dropped")},
	{"publish/received", figure("publish/messages/received")},
	{"publish/sent", figure("publish/messages/sent")},
	{"bytes/received", figure("bytes/received")},
	{"bytes/sent", figure("bytes/sent")},
	{"sockets", figure("connections/socket/count")},
	{"connections", figure("mqtt/connect/received")},
}

// figure returns the value of a row.
func figure(topic string) func(*Sample) int64 {
	for i := range table {
		if table[i].Topics[0] == topic {
			return table[i].Value
		}
	}
	panic("no figure has the topic " + topic) // a test would see it
}

// average is a load over one span: the newest minute counts most, what lies one
// span back a third of it.
type average struct{ perMinute float64 }

// grow takes in that the counter has grown.
func (a *average) grow(by int64, in, over time.Duration) {
	now := float64(by) * float64(time.Minute) / float64(in)
	a.perMinute = now + math.Exp(-in.Seconds()/over.Seconds())*(a.perMinute-now)
}

func (a *average) append(b []byte) []byte { return strconv.AppendFloat(b, a.perMinute, 'f', 2, 64) }
