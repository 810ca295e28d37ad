package daemon

import (
	"strconv"
	"testing"

	"github.com/zancudomq/zancudo/packet"
)

func TestControlAPI(t *testing.T) {
	t.Parallel()
	port := freePorts(t, 1)[0]
	base := "allow_anonymous true\nlistener " + strconv.Itoa(port) + " 127.0.0.1\n"
	r := startReloadable(t, base)
	c := r.connect(port, "v5 id=c clean", "...")
	c.SendText("SUBSCRIBE 1 $CONTROL/broker/v1/response")
	c.Expect("SUBACK 1 0")
	ask := func(id int, text string) {
		t.Helper()
		c.Send(&packet.Publish{PacketID: uint16(id), Message: packet.Message{Topic: "$CONTROL/broker/v1", QoS: 1, Payload: []byte(text)}})
	}
	ask(2, `{"commands":[{"command":"listPlugins"}]}`)
	c.Expect("PUBACK 2 0x87 ...") // it is not switched on
	r.must(base+"enable_control_api true\n", "~enable_control_api false → true")
	for id, tt := range []struct{ request, want string }{
		{
			`{"commands":[{"command":"listListeners","correlationData":"1"},{"command":"listPlugins"}]}`,
			`{"responses":[{"command":"listListeners","data":{"listeners":[{"port":` + strconv.Itoa(port) +
				`,"protocol":"mqtt","bind-address":"127.0.0.1","tls":false}]},"correlationData":"1"},{"command":"listPlugins","data":{"plugins":[]}}]}`,
		},
		{`no JSON`, `{"responses":[{"command":"Unknown command","error":"Payload not valid JSON"}]}`},
	} {
		ask(10+id, tt.request)
		p, ok := c.Read().(*packet.Publish)
		if !ok || p.Topic != "$CONTROL/broker/v1/response" || string(p.Payload) != tt.want || p.Retain {
			t.Errorf("%s is answered by\n%v, want\n%s", tt.request, p, tt.want)
		}
		c.Expect("PUBACK " + strconv.Itoa(10+id))
	}
	r.must(base, "~enable_control_api true → false")
	ask(3, `{"commands":[{"command":"listPlugins"}]}`)
	c.Expect("PUBACK 3 0x87 ...")
}
