package daemon

import (
	"strconv"
	"testing"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/packet"
)

// awaitFigures reads topics below $SYS/broker, in the order in which they come,
// until those wanted say what they should.
func awaitFigures(t *testing.T, c *mqtttest.Client, want map[string]string) {
	t.Helper()
	for len(want) > 0 {
		p, ok := c.Read().(*packet.Publish)
		if !ok {
			continue
		}
		if text, wanted := want[p.Topic]; wanted && text == string(p.Payload) {
			delete(want, p.Topic)
		}
	}
}

// What $SYS says is what happens, and a reload begins and ends it.
func TestFigures(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	base := "allow_anonymous true\nlistener " + strconv.Itoa(port) + " 127.0.0.1\nsys_interval "
	r := startReloadable(t, base+"1\n")
	watch := r.connect(port, "v5 id=watch clean", "...")
	watch.SendText("SUBSCRIBE 1 $SYS/#") // a figure may come before the SUBACK
	c := r.connect(port, "v5 id=c clean", "...")
	c.SendText("SUBSCRIBE 1 a qos=1", "PUBLISH 2 a qos=1 12345", "PUBLISH 3 kept qos=1 retain 123")
	c.Expect("SUBACK 1 1", "PUBLISH 1 a qos=1 12345", "PUBACK 2", "PUBACK 3 0x10")
	c.SendText("PUBACK 1", "PUBLISH 4 $SYS/broker/version qos=1 lie")
	c.Expect("PUBACK 4 0x87 ...")
	awaitFigures(t, watch, map[string]string{
		"$SYS/broker/version":                   "zancudo version test",
		"$SYS/broker/clients/connected":         "2",
		"$SYS/broker/clients/active":            "2",
		"$SYS/broker/clients/total":             "2",
		"$SYS/broker/clients/maximum":           "2",
		"$SYS/broker/subscriptions/count":       "2",
		"$SYS/broker/publish/messages/received": "3",
		"$SYS/broker/publish/bytes/received":    "11",
		"$SYS/broker/publish/messages/dropped":  "1", // the one to $SYS
	})
	r.must(base+"0\n", "~sys_interval 1 → 0")
	awaitFigures(t, watch, map[string]string{"$SYS/broker/uptime": ""}) // it is removed
	late := r.connect(port, "v5 id=late clean", "...")
	late.SendText("SUBSCRIBE 1 $SYS/broker/uptime")
	late.Expect("SUBACK 1 0")
	alive(late) // nothing is retained: it would have come before the answer
	r.must(base+"1\n", "~sys_interval 0 → 1")
	if p, ok := late.Read().(*packet.Publish); !ok || p.Topic != "$SYS/broker/uptime" {
		t.Errorf("came %v", p)
	}
}

// What $SYS says of the store.
func TestStoreFigures(t *testing.T) {
	t.Parallel()
	for line, state := range map[string]string{"": "memory", "persistence true\npersistence_location " + t.TempDir() + "\n": "ready"} {
		port := freePorts(t, 1)[0]
		r := startReloadable(t, "allow_anonymous true\nlistener "+strconv.Itoa(port)+" 127.0.0.1\nsys_interval 1\n"+line)
		c := r.connect(port, "v5 id=c clean", "...")
		c.SendText("PUBLISH 1 kept qos=1 retain 123")
		c.Expect("PUBACK 1 0x10")
		c.SendText("SUBSCRIBE 2 $SYS/broker/store/#")
		facts := map[string]string{"memory": "0", "ready": "1"}[state]
		awaitFigures(t, c, map[string]string{"$SYS/broker/store/state": state, "$SYS/broker/store/facts": facts, "$SYS/broker/store/refused": "0"})
	}
}
