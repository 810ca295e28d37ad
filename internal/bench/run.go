package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Run measures a broker. When ctx ends early, the result tells what was
// measured until then. An error means that nothing was measured; that messages
// were lost is told by the result.
func Run(ctx context.Context, o Options) (*Result, error) {
	s, err := o.complete()
	if err != nil {
		return nil, err
	}
	if o.PID != 0 {
		if err := checkProcess(o.PID); err != nil {
			return nil, err
		}
	}
	if o.TLS != nil && o.TLS.ServerName == "" {
		o.TLS = o.TLS.Clone()
		o.TLS.ServerName = o.Host
	}
	broker, err := greet(ctx, &o)
	if err != nil {
		return nil, err
	}
	return measure(ctx, &o, s, broker)
}

// measure runs a scenario against the broker at an address.
func measure(ctx context.Context, o *Options, s Scenario, broker netip.AddrPort) (*Result, error) {
	r := &runner{engine: newEngine(o), result: &Result{Scenario: s.Name, Title: title(o)}}
	addresses := 0
	if o.Count > 0 || s.Name == "connect" {
		addresses = 16 + o.Count/4000
	}
	var err error
	if o.TLS != nil {
		r.net = newNetworkOfGoroutines(r.engine, broker, addresses, o.TLS)
	} else if r.net, err = newNetwork(r.engine, broker, addresses, o.PID == os.Getpid()); err != nil {
		return nil, err
	}
	defer r.net.shutdown()
	err = s.run(r, ctx)
	switch {
	case err == nil:
	case ctx.Err() != nil && !r.measured:
		return nil, errors.New("interrupted before anything was measured")
	case !r.measured:
		return nil, err
	case ctx.Err() == nil:
		r.result.fail(err.Error())
	}
	r.result.Interrupted = ctx.Err() != nil
	return r.result, nil
}

func newEngine(o *Options) *engine {
	return &engine{o: o, run: or(o.Run, runName()), begin: time.Now()}
}

func runName() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// title says what is measured.
func title(o *Options) string {
	t := o.Scenario
	if o.Shared {
		t += " (shared)"
	}
	if o.Persistent {
		t += " (persistent)"
	}
	if o.Part != "" {
		t += " (" + string(o.Part) + ")"
	}
	t += fmt.Sprintf(", %s, MQTT %v, QoS %d", o.address(), o.Version, o.QoS)
	if o.TLS != nil {
		t += ", TLS"
	}
	return t
}

// greet connects as one client, to know the broker's address, and that it takes
// what is going to come.
func greet(ctx context.Context, o *Options) (netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Stall)
	defer cancel()
	var none netip.AddrPort
	var d net.Dialer
	tcp, err := d.DialContext(ctx, "tcp", o.address())
	if err != nil {
		return none, fmt.Errorf("connect to %s: %w", o.address(), unwrapped(err))
	}
	defer func() { _ = tcp.Close() }()
	defer context.AfterFunc(ctx, func() { _ = tcp.Close() })()
	address, err := netip.ParseAddrPort(tcp.RemoteAddr().String())
	if err != nil {
		return none, fmt.Errorf("connect to %s: %w", o.address(), err)
	}
	nc := tcp
	if o.TLS != nil {
		t := tls.Client(tcp, o.TLS)
		if err := t.HandshakeContext(ctx); err != nil {
			return none, fmt.Errorf("TLS handshake with %s: %w", o.address(), err)
		}
		nc = t
	}
	c := &conn{number: 0, clean: true}
	hello, err := c.connect(o, runName()).Append(nil, o.Version)
	if err != nil {
		return none, err
	}
	if _, err := nc.Write(hello); err != nil {
		return none, fmt.Errorf("send CONNECT to %s: %w", o.address(), err)
	}
	answer, err := packet.NewReader(nc, o.Version).Next()
	if err != nil {
		return none, fmt.Errorf("wait for CONNACK from %s: %w", o.address(), unwrapped(err))
	}
	connack, ok := answer.(*packet.Connack)
	if !ok {
		return none, fmt.Errorf("%s answered CONNECT with %v", o.address(), answer.Type())
	}
	if err := suits(o, connack); err != nil {
		return none, fmt.Errorf("%s: %w", o.address(), err)
	}
	bye, _ := (&packet.Disconnect{}).Append(nil, o.Version)
	_, _ = nc.Write(bye)
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port()), nil
}

// suits tells whether the broker offers what the scenario needs.
func suits(o *Options, c *packet.Connack) error {
	switch {
	case c.ReasonCode != packet.Success:
		return fmt.Errorf("the broker refused to connect: %w", c.ReasonCode)
	case c.MaximumQoS != nil && *c.MaximumQoS < o.QoS:
		return fmt.Errorf("the broker's Maximum QoS is %d", *c.MaximumQoS)
	case c.MaximumPacketSize > 0 && int(c.MaximumPacketSize) < o.PayloadBytes+100:
		return fmt.Errorf("the broker's Maximum Packet Size is %d bytes", c.MaximumPacketSize)
	case o.Shared && c.SharedSubscriptionsUnavailable:
		return errors.New("the broker has no shared subscriptions")
	case o.Scenario == "retained" && c.RetainUnavailable:
		return errors.New("the broker has no retained messages")
	}
	return nil
}

// unwrapped leaves out what the caller's own words say: that it dialled, and whom.
func unwrapped(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// runner is a run of a scenario.
type runner struct {
	*engine
	result   *Result
	measured bool // there is something to tell
}

func (r *runner) name(rest string) string { return "bench/" + r.run + "/" + rest }

func (r *runner) numbered(i int) string { return r.name(strconv.Itoa(i)) }

// otherFiles is how many files a process has open besides its connections.
const otherFiles = 16

// open connects all of conns.
func (r *runner) open(ctx context.Context, conns ...*conn) error {
	if limit := openFiles(); len(r.conns)+otherFiles > limit {
		return fmt.Errorf("%d connections: this process may open %d files; raise the limit with ulimit -n", len(r.conns), limit)
	}
	return r.each(ctx, "connecting", len(conns), &r.connected, func(i int) { r.dial(conns[i]) })
}

// subscribeAll subscribes each of conns to its filter.
func (r *runner) subscribeAll(ctx context.Context, conns []*conn) error {
	return r.each(ctx, "subscribing", len(conns), &r.subscribed, func(i int) { r.subscribe(conns[i], conns[i].filter) })
}

// publishFor publishes as the options say, and adds what was measured. copies is
// how many deliveries settle a message.
func (r *runner) publishFor(ctx context.Context, publishers []*conn, total int) error {
	o, f := r.o, &r.flow
	f.pub = newPublication(o, false)
	f.start(r.engine, publishers, total)
	var err error
	if total == 0 && o.Warmup > 0 {
		r.phase("warming up")
		if err = r.until(ctx, o.Warmup, never); !errors.Is(err, errTime) {
			return err
		}
	}
	r.measured = true
	r.phase("measuring")
	r.lat, f.lag = histogram{}, histogram{}
	before := r.snap()
	if total > 0 {
		err = r.until(ctx, 0, func() bool { return f.settled >= f.last })
	} else if err = r.until(ctx, o.Duration, never); errors.Is(err, errTime) {
		err = nil
	}
	after := r.snap()
	lat := r.lat
	if err == nil || ctx.Err() != nil {
		err = errors.Join(err, r.drain(ctx))
	}
	r.result.addUsage(o, before, after)
	r.result.addTimes("lat", "latency", &lat)
	if f.rate > 0 {
		r.result.addTimes("lag", "generator late", &f.lag)
	}
	r.result.count(r.books)
	return err
}

// drain waits for what is under way; not for long when ctx ended.
func (r *runner) drain(ctx context.Context) error {
	r.phase("draining")
	f := &r.flow
	f.stop()
	limit := time.Duration(0)
	if ctx.Err() != nil {
		ctx, limit = context.WithoutCancel(ctx), 2*time.Second
	}
	owed := func() bool { return f.settled >= f.sent && (f.pub.qos == 0 || r.outstanding() == 0) }
	if err := r.until(ctx, limit, owed); err != nil && !errors.Is(err, errTime) {
		return err
	}
	return r.rest(ctx, 50*time.Millisecond) // what comes twice would come now
}

// outstanding is how many messages were not acknowledged.
func (r *runner) outstanding() (n uint64) {
	for _, c := range r.flow.publishers {
		n += uint64(c.unacked)
	}
	return n
}

func never() bool { return false }
