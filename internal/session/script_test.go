package session_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/mqtttest"
	"github.com/zancudomq/zancudo/internal/session"
	"github.com/zancudomq/zancudo/packet"
)

// TestScripts plays testdata/*.txt. A line is what is done to a session, the
// lines indented below it are what comes of it: outcomes, and the packets that
// the client would get. -update rewrites those. A line "---" begins another
// session.
//
//	limits inflight=2 queued=3 queued-bytes=9 pending=100 receive=2 aliases=2 …
//	connect CONNECT v5 …    begins a connection; fill follows it
//	disconnect              ends it
//	push PUBLISH …          routes a message to the session; sub-qos=, subid=, share=, retained
//	client PUBACK 1         takes a packet of the client
//	fill                    the socket has taken all there was
//	hold                    the socket takes nothing any more, until fill
//	after 5s                lets time pass
//	deny a/b                nothing of this topic may be sent any more
//	show                    prints what is held
//	orphans                 prints what an ended session would leave
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts in testdata")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if got == string(want) {
				return
			}
			if flag.Lookup("update").Value.String() == "true" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
			for i := range min(len(g), len(w)) {
				if g[i] != w[i] {
					t.Fatalf("%s:%d:\n got %s\nwant %s", file, i+1, g[i], w[i])
				}
			}
			t.Fatalf("%s: got %d lines, want %d", file, len(g), len(w))
		})
	}
}

// play runs a script and returns it with what came of each line.
func play(t *testing.T, script string) string {
	t.Helper()
	var b strings.Builder
	p := newPlayer()
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue // what came the last time
		}
		b.WriteString(line + "\n")
		if strings.HasPrefix(line, "---") {
			p = newPlayer()
		}
		if line == "" || line[0] == '#' || line[0] == '-' {
			continue
		}
		if err := p.step(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		for _, came := range p.came {
			b.WriteString("  " + came + "\n")
		}
		p.came = nil
	}
	return b.String()
}

// player is one session and the client's end of it.
type player struct {
	limits  session.Limits
	terms   session.Terms
	session *session.Session
	out     session.Output
	held    bool
	now     time.Time
	version packet.Version
	denied  map[string]bool
	came    []string
}

func newPlayer() *player {
	p := &player{now: time.Unix(1_000_000, 0), denied: map[string]bool{}}
	p.session = session.New(&p.limits)
	p.session.Allow = func(m *packet.Message) bool { return !p.denied[m.Topic] }
	return p
}

func (p *player) say(format string, args ...any) {
	p.came = append(p.came, fmt.Sprintf(format, args...))
}

func (p *player) step(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "limits":
		return p.limit(rest)
	case "connect":
		c, err := mqtttest.Parse(rest)
		if err != nil {
			return err
		}
		p.version = c.(*packet.Connect).Version
		p.session.Attach(c.(*packet.Connect), &p.terms)
		p.session.Fill(&p.out, p.now)
	case "disconnect":
		p.session.Detach()
		p.out.Take()
	case "push":
		return p.push(rest)
	case "client":
		return p.client(rest)
	case "hold":
		p.held = true
	case "fill":
		p.held = false
		if err := p.drain(); err != nil {
			return err
		}
		p.session.Fill(&p.out, p.now)
	case "after":
		d, err := time.ParseDuration(rest)
		p.now = p.now.Add(d)
		return err
	case "deny":
		p.denied[rest] = true
	case "show":
		queued, bytes := p.session.Queued()
		p.say("inflight %d, queued %d of %d bytes, receiving %d", p.session.Inflight(), queued, bytes, p.session.Receiving())
	case "orphans":
		for _, o := range p.session.Orphans() {
			p.say("%s for %s", o.Message.Payload, o.Share)
		}
	default:
		return fmt.Errorf("verb %s is not known", verb)
	}
	if p.held {
		return nil
	}
	return p.drain()
}

// drain says which packets the client would get now.
func (p *player) drain() error {
	b := p.out.Bytes()
	p.out.Take()
	d := packet.Decoder{Version: p.version}
	for len(b) > 0 {
		got, n, err := d.Decode(b)
		if err != nil || n == 0 {
			return fmt.Errorf("the client cannot read % x: %w", b[:min(len(b), 20)], err)
		}
		p.say("%v", got)
		b = b[n:]
	}
	return nil
}

func (p *player) limit(words string) error {
	for word := range strings.FieldsSeq(words) {
		key, value, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		l := &p.limits
		switch key {
		case "inflight":
			l.MaxInflight = uint16(n)
		case "inflight-bytes":
			l.MaxInflightBytes = n
		case "queued":
			l.MaxQueued = n
		case "queued-bytes":
			l.MaxQueuedBytes = n
		case "pending":
			l.MaxPending = n
		case "receive":
			p.terms.ReceiveMaximum = uint16(n)
		case "aliases":
			p.terms.TopicAliases = uint16(n)
		case "send-aliases":
			p.terms.SendTopicAliases = uint16(n)
		case "mount":
			p.terms.MountPoint = value
		case "queue-qos0":
			l.QueueQoS0 = true
		case "upgrade-qos":
			l.UpgradeQoS = true
		default:
			return fmt.Errorf("limit %s is not known", key)
		}
	}
	return nil
}

var outcomes = map[session.Outcome]string{
	session.Sent: "sent", session.Queued: "queued", session.Absent: "absent", session.Behind: "behind",
	session.Full: "full", session.Held: "held", session.TooLarge: "too large",
}

// push reads options of the subscription before the PUBLISH.
func (p *player) push(rest string) error {
	sub := &session.Subscription{Filter: "#", QoS: packet.ExactlyOnce}
	retained := false
	for !strings.HasPrefix(rest, "PUBLISH") {
		word, after, _ := strings.Cut(rest, " ")
		key, value, _ := strings.Cut(word, "=")
		n, _ := strconv.Atoi(value)
		switch key {
		case "sub-qos":
			sub.QoS = packet.QoS(n)
		case "subid":
			sub.IDs = append(sub.IDs, uint32(n))
		case "share":
			sub.Share = value
		case "as-published":
			sub.RetainAsPublished = true
		case "retained":
			retained = true
		default:
			return fmt.Errorf("option %s is not known", word)
		}
		rest = after
	}
	parsed, err := mqtttest.Parse(rest)
	if err != nil {
		return err
	}
	q := parsed.(*packet.Publish)
	m := q.Message
	if q.HasMessageExpiry {
		m.Expires = p.now.Add(time.Duration(q.MessageExpiry) * time.Second)
	}
	var outcome session.Outcome
	if retained {
		outcome = p.session.PushRetained(&p.out, p.now, session.NewDelivery(&m), sub)
	} else {
		outcome = p.session.Push(&p.out, p.now, session.NewDelivery(&m), sub)
	}
	if outcome != session.Sent {
		p.say("%s", outcomes[outcome])
	}
	if p.held {
		return nil
	}
	return p.drain()
}

// client takes a packet of the client and says what it is answered.
func (p *player) client(text string) error {
	parsed, err := mqtttest.Parse(text)
	if err != nil {
		return err
	}
	switch c := parsed.(type) {
	case *packet.Publish:
		fresh, err := p.session.Receive(c, 0)
		switch {
		case err != nil:
			p.say("%v", err)
		case fresh:
			p.say("fresh %s", c.Topic)
		default:
			p.say("again")
		}
	case *packet.Puback:
		p.session.Puback(&p.out, p.now, c)
	case *packet.Pubrec:
		if answer, _, ok := p.session.Pubrec(&p.out, p.now, c); ok {
			p.out.Packet(&answer, p.version, 0)
		}
	case *packet.Pubcomp:
		p.session.Pubcomp(&p.out, p.now, c)
	case *packet.Pubrel:
		answer, counted := p.session.Pubrel(c)
		p.say("%v counted=%v", &answer, counted)
	}
	if p.held {
		return nil
	}
	return p.drain()
}
