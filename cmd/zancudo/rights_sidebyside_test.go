//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/proctest"
	"github.com/zancudomq/zancudo/packet"
)

// rightsCase is a file of rules and what clients may do by it, of the table that
// package acl decides by.
type rightsCase struct {
	title, rules string
	questions    []rightsQuestion
}

type rightsQuestion struct {
	line                        int
	user, client, action, topic string
	allowed                     bool
}

// readRightsCases reads the questions that Mosquitto decides by itself alike.
func readRightsCases(t *testing.T) (all []*rightsCase) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "internal", "acl", "testdata", "decisions.txt"))
	if err != nil {
		t.Fatal(err)
	}
	asking := false
	for i, line := range strings.Split(string(text), "\n") {
		title, begins := strings.CutPrefix(line, "=== ")
		switch {
		case begins:
			all, asking = append(all, &rightsCase{title: title}), false
		case len(all) == 0:
		case line == "---":
			asking = true
		case !asking:
			all[len(all)-1].rules += line + "\n"
		case line != "" && !strings.HasSuffix(line, "(own)"):
			c := all[len(all)-1]
			c.questions = append(c.questions, askRights(t, i+1, line))
		}
	}
	return all
}

func askRights(t *testing.T, number int, line string) rightsQuestion {
	t.Helper()
	question, want, _ := strings.Cut(line, " = ")
	var words []string
	for question != "" {
		word, err := strconv.QuotedPrefix(question)
		if err != nil {
			word, _, _ = strings.Cut(question, " ")
		}
		question = strings.TrimLeft(question[len(word):], " ")
		if plain, err := strconv.Unquote(word); err == nil {
			word = plain
		}
		words = append(words, word)
	}
	if len(words) != 4 {
		t.Fatalf("line %d: %q is no question", number, line)
	}
	if words[0] == "-" {
		words[0] = ""
	}
	return rightsQuestion{number, words[0], words[1], words[2], words[3], strings.HasPrefix(want, "allowed")}
}

// rightsSite is a broker with a file of rules. One user of it may everything.
type rightsSite struct {
	*testing.T
	name, port string
}

func (s *rightsSite) connect(user, id string) *mqtttest.Client {
	s.Helper()
	c := mqtttest.NewClient(s.T, dial(s.T, "127.0.0.1", s.port), packet.V5)
	c.Timeout = patience
	c.Send(&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: id, Username: user, HasUsername: user != ""})
	if ack, ok := c.Read().(*packet.Connack); !ok || ack.ReasonCode != packet.Success {
		s.Fatalf("%s does not let in client %q, user %q: %+v", s.name, id, user, ack)
	}
	return c
}

// bye ends a connection for good: what is under the same name afterwards is new.
func bye(c *mqtttest.Client) {
	c.Send(&packet.Disconnect{})
	c.Closed()
}

// decide has the broker decide by what it does; known is false where that cannot
// be seen from outside.
func (s *rightsSite) decide(q rightsQuestion) (allowed, known bool) {
	s.Helper()
	switch own := strings.HasPrefix(q.topic, "$"); {
	case q.action == "receive" && own && !strings.HasPrefix(q.topic, "$SYS/broker/uptime"):
		return false, false // nobody publishes to it
	case q.action == "publish" && strings.HasPrefix(q.topic, "$CONTROL/") && q.allowed:
		return false, false // there is nobody to take it
	case q.action != "subscribe" && strings.ContainsAny(q.topic, "+#"):
		return false, false // it is no topic
	}
	c := s.connect(q.user, q.client)
	defer bye(c)
	if q.action == "publish" {
		return s.publish(c, q.topic), true
	}
	c.Send(&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: q.topic}}})
	ack, ok := c.Read().(*packet.Suback)
	if !ok {
		s.Fatalf("%s does not answer the SUBSCRIBE", s.name)
	}
	if q.action == "subscribe" {
		return !ack.ReasonCodes[0].Failed(), true
	}
	if !strings.HasPrefix(q.topic, "$") {
		root := s.connect("root", "root")
		defer bye(root)
		if !s.publish(root, q.topic) {
			s.Fatalf("%s does not let root publish to %q", s.name, q.topic)
		}
	}
	if !q.allowed {
		c.Send(&packet.Pingreq{}) // what was delivered comes before the answer
	}
	for {
		switch p := c.Read().(type) {
		case *packet.Publish:
			return p.Topic == q.topic, true
		case *packet.Pingresp:
			return false, true
		}
	}
}

// publish reports whether a message of the client was taken.
func (s *rightsSite) publish(c *mqtttest.Client, topic string) bool {
	s.Helper()
	c.Send(&packet.Publish{Message: packet.Message{Topic: topic, QoS: 1, Payload: []byte("x")}, PacketID: 1})
	for {
		switch p := c.Read().(type) {
		case *packet.Puback:
			return !p.ReasonCode.Failed()
		case *packet.Publish: // its own
		default:
			s.Fatalf("%s answers a PUBLISH with %+v", s.name, p)
		}
	}
}

// TestRightsSideBySide has Mosquitto and this broker decide by the same files,
// by what clients see of it.
func TestRightsSideBySide(t *testing.T) {
	t.Parallel()
	need(t, "mosquitto", "mosquitto")
	asked := make(chan int, 100)
	t.Run("files", func(t *testing.T) {
		for _, c := range readRightsCases(t) {
			if len(c.questions) == 0 {
				continue
			}
			t.Run(c.title, func(t *testing.T) {
				t.Parallel()
				asked <- c.compare(t)
			})
		}
	})
	close(asked)
	total := 0
	for n := range asked {
		total += n
	}
	if total < 120 {
		t.Errorf("%d decisions were compared, want 120 or more", total)
	}
}

func (c *rightsCase) compare(t *testing.T) (asked int) {
	t.Helper()
	acl := write(t, c.rules+"\nuser root\ntopic readwrite #\n")
	var sites []*rightsSite
	for _, name := range []string{"mosquitto", "zancudo"} {
		s := &rightsSite{t, name, proctest.FreePort(t)}
		conf := write(t, fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nacl_file %s\nuser root\nsys_interval 1\n", s.port, acl))
		program := name
		if name == "zancudo" {
			program = zancudo
		}
		start(t, program, "-c", conf)
		sites = append(sites, s)
	}
	for _, q := range c.questions {
		for _, s := range sites {
			got, known := s.decide(q)
			if !known {
				continue
			}
			asked++
			if got != q.allowed {
				t.Errorf("line %d: %s allows client %q, user %q, to %s %q: %v, want %v", q.line, s.name, q.client, q.user, q.action, q.topic, got, q.allowed)
			}
		}
	}
	return asked / len(sites)
}

// What Mosquitto does not read, this broker does not read either: neither runs
// without the rules that it was given.
func TestBadRulesSideBySide(t *testing.T) {
	t.Parallel()
	need(t, "mosquitto", "mosquitto")
	for name, rules := range map[string]string{
		"no filter":      "user alice\ntopic\n",
		"no user":        "user\n",
		"unknown access": "topic rad a/b\n",
		"unknown word":   "topics read a\n",
		"late comment":   "topic read a\n # not a comment\n",
		"blank":          "topic a b\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := write(t, "listener "+proctest.FreePort(t)+" 127.0.0.1\nallow_anonymous true\nuser root\nacl_file "+write(t, rules)+"\n")
			for _, program := range []string{"mosquitto", zancudo} {
				p := start(t, program, "-c", conf)
				if status := p.status(); status == 0 {
					t.Errorf("%s: status %d", program, status)
				}
				if p.stderr.String() == "" {
					t.Errorf("%s says nothing", program)
				}
			}
		})
	}
}
