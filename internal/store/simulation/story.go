package simulation

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/history"
	"github.com/zancudomq/zancudo/internal/store/storetest"
	"github.com/zancudomq/zancudo/packet"
)

// Options say what a story is like. Seed alone gives the usual one.
type Options struct {
	Seed     uint64
	Phases   int                                           // each ends with an end of the broker; 0 is 3
	Open     Opener                                        // nil is OpenStore
	SlowSync time.Duration                                 // syncs of the log take up to so long; 0 is one of some times
	End      func(w *World, r *rand.Rand, phase int) error // of a phase; nil is a power failure, or a stop
	Drain    time.Duration                                 // how long they take what there is at the end, and then that nothing happens; 0 is 4 minutes, in which all wills are due
}

// Opener opens the store of a broker on a disk.
type Opener func(*storetest.Disk) (broker.Store, error)

const clients = 5

// Run tells the story of a seed. The error is that of a broker that does not
// start; what is broken the report says.
func Run(o Options) (*history.Report, error) {
	r := rand.New(rand.NewPCG(o.Seed, 11))
	if o.Phases == 0 {
		o.Phases = 3
	}
	if o.Open == nil {
		o.Open = OpenStore
	}
	if o.SlowSync == 0 {
		o.SlowSync = []time.Duration{time.Millisecond, 3 * time.Millisecond, 40 * time.Millisecond}[r.IntN(3)]
	}
	if o.End == nil {
		o.End = failOrStop
	}
	if o.Drain == 0 {
		o.Drain = 4 * time.Minute // for all wills and all queues
	}
	w := newWorld(o, r)
	if err := w.start(); err != nil {
		return nil, err
	}
	t := &story{world: w, acting: make(chan struct{}), settled: make(chan struct{}), leaving: make(chan struct{})}
	t.cast(r)
	for phase := range o.Phases {
		if err := o.End(w, r, phase); err != nil {
			return nil, fmt.Errorf("phase %d: %w", phase, err)
		}
		t.cutLines()
		if err := w.start(); err != nil {
			return nil, fmt.Errorf("start after phase %d: %w", phase, err)
		}
		if r.IntN(3) == 0 {
			w.list.change()
		}
	}
	time.Sleep(time.Second)
	close(t.acting)
	time.Sleep(o.Drain)
	close(t.settled)
	for range 10 { // until nothing happens any more, however slow the machine is
		before := w.Log.Len()
		if time.Sleep(o.Drain); w.Log.Len() == before {
			break
		}
	}
	t.readRetained()
	report := w.Log.Check(history.Options{})
	close(t.leaving)
	t.cutLines()
	err := w.end(w.life)
	t.all.Wait()
	return report, errors.Join(err, w.panicked())
}

// failOrStop ends a phase by a power failure at a random change of the disk, or,
// one time in eight, by an orderly stop.
func failOrStop(w *World, r *rand.Rand, _ int) error {
	if r.IntN(8) == 0 {
		return w.Stop(time.Duration(r.IntN(5000)) * time.Millisecond)
	}
	w.Fail(1+r.Int64N(400), time.Duration(1+r.IntN(20))*time.Second, r.Uint64(), []int{0, 50, 100}[r.IntN(3)])
	return nil
}

// story is the clients and what they do.
type story struct {
	world   *World
	clients []*client
	all     sync.WaitGroup
	acting  chan struct{} // closed when they only take what there is
	settled chan struct{} // closed when who is away stays away
	leaving chan struct{} // closed when they go
}

func (t *story) cast(r *rand.Rand) {
	for i := range clients {
		c := newClient(t.world, fmt.Sprint("c", i), r.Uint64())
		t.clients = append(t.clients, c)
		t.all.Go(func() { t.act(&actor{client: c, kind: i}) })
	}
}

func (t *story) cutLines() {
	for _, c := range t.clients {
		c.mu.Lock()
		l := c.line
		c.mu.Unlock()
		if l != nil {
			_ = l.Close()
		}
	}
}

// readRetained has a client that was never here read all retained messages.
func (t *story) readRetained() {
	c := newClient(t.world, "reader", 1)
	c.lazy = 0
	c.connect(&packet.Connect{Version: c.version, ClientID: c.id, CleanStart: true})
	c.mu.Lock()
	c.write(&packet.Subscribe{PacketID: 1, Subscriptions: []packet.Subscription{{Filter: "r/#", QoS: packet.AtLeastOnce}}})
	c.mu.Unlock()
	t.clients = append(t.clients, c)
	time.Sleep(min(t.world.options.Drain, 10*time.Second))
}

// act lets a client do things until the story ends.
func (t *story) act(a *actor) {
	c := a.client
	for {
		if t.ending() && c.connected() {
			c.mu.Lock()
			c.awake = true
			c.mu.Unlock()
			t.takeAll(a)
			return
		}
		if !c.connected() {
			select {
			case <-time.After(a.absence()):
			case <-t.settled:
				return
			}
			if !t.ending() {
				c.connect(a.greeting(true))
				continue
			}
			if c.random.IntN(2) == 0 {
				return // it never comes back
			}
			c.connect(a.greeting(false))
			continue
		}
		a.step()
		time.Sleep(time.Duration(c.random.IntN(60)) * time.Millisecond)
	}
}

func (t *story) ending() bool {
	select {
	case <-t.acting:
		return true
	default:
		return false
	}
}

// takeAll stays connected and takes what there is.
func (t *story) takeAll(a *actor) {
	c := a.client
	for {
		if !c.connected() {
			c.connect(a.greeting(false))
		}
		c.mu.Lock()
		c.catchUp()
		c.mu.Unlock()
		select {
		case <-t.leaving:
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (c *client) connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.line != nil
}

// actor is what a client wants.
type actor struct {
	*client
	kind  int // of subscriptions
	wills int
}

// absence is how long a client stays away: now and then for as long as wills
// wait and sessions last.
func (a *actor) absence() time.Duration {
	if a.random.IntN(6) == 0 {
		return time.Duration(a.random.IntN(90)) * time.Second
	}
	return time.Duration(a.random.IntN(500)) * time.Millisecond
}

// greeting is a CONNECT. whims: clean starts, wills.
func (a *actor) greeting(whims bool) *packet.Connect {
	p := &packet.Connect{Version: a.version, ClientID: a.id, SessionExpiry: 0xFFFFFFFF}
	if !whims {
		return p
	}
	p.CleanStart = a.random.IntN(10) == 0
	if a.version == packet.V5 {
		p.SessionExpiry = []uint32{0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 1000, 30, 0}[a.random.IntN(6)]
	}
	if a.random.IntN(2) == 0 {
		a.wills++
		p.Will = &packet.Will{Message: packet.Message{
			Topic: "w/" + a.id, QoS: packet.QoS(a.random.IntN(3)), Payload: fmt.Appendf(nil, "%s.will.%d", a.id, a.wills),
		}}
		if a.random.IntN(5) == 0 {
			p.Will.Topic, p.Will.Retain = "r/"+a.id, true
		}
		if a.version == packet.V5 {
			p.Will.DelayInterval = []uint32{0, 0, 5, 40}[a.random.IntN(4)]
		}
	}
	return p
}

// step does one thing.
func (a *actor) step() {
	switch n := a.random.IntN(100); {
	case n < 55:
		a.publish(a.message())
	case n < 65:
		a.subscribe()
	case n < 68:
		a.unsubscribe()
	case n < 88:
		a.mu.Lock()
		a.catchUp()
		a.mu.Unlock()
	case n < 91:
		a.drop()
	case n < 94:
		a.disconnect()
	case n < 96:
		a.connect(a.greeting(true)) // takes over
	default:
		time.Sleep(time.Duration(a.random.IntN(2000)) * time.Millisecond)
	}
}

func (a *actor) message() packet.Message {
	m := packet.Message{
		Topic: fmt.Sprint("t/", a.random.IntN(4)), QoS: packet.QoS(a.random.IntN(3)), Payload: a.payload(),
	}
	if a.random.IntN(4) == 0 {
		m.Topic, m.Retain = fmt.Sprint("r/", a.random.IntN(3)), true
		if a.random.IntN(5) == 0 {
			m.Payload = nil
		}
	}
	return m
}

// filters are what a client subscribes to: each has another habit, so that no two
// of its filters match the same topic.
func (a *actor) filter() string {
	i := a.random.IntN(4)
	switch a.kind {
	case 0:
		return []string{"t/#", "w/#", "r/#"}[i%3]
	case 1, 2:
		return []string{fmt.Sprint("t/", i), fmt.Sprint("r/", i%3), "w/c0"}[a.random.IntN(3)]
	case 3:
		return []string{fmt.Sprint("$share/g/t/", i), "w/+"}[i%2]
	default:
		return []string{fmt.Sprint("$share/g/t/", i), "r/+"}[i%2]
	}
}

func (a *actor) subscribe() {
	a.mu.Lock()
	defer a.mu.Unlock()
	sub := packet.Subscription{Filter: a.filter(), QoS: packet.QoS(a.random.IntN(3))}
	if a.version == packet.V5 && a.kind == 2 {
		sub.NoLocal = a.random.IntN(2) == 0
	}
	a.write(&packet.Subscribe{PacketID: a.nextID(), Subscriptions: []packet.Subscription{sub}})
}

func (a *actor) unsubscribe() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write(&packet.Unsubscribe{PacketID: a.nextID(), Filters: []string{a.filter()}})
}

// drop breaks the connection.
func (a *actor) drop() {
	a.mu.Lock()
	l := a.line
	a.mu.Unlock()
	if l == nil {
		return
	}
	if r, ok := l.net.(interface{ Reset() }); ok {
		r.Reset()
	}
	_ = l.Close()
	<-l.over
}

// disconnect says goodbye, and waits until the broker has heard it.
func (a *actor) disconnect() {
	a.mu.Lock()
	l := a.line
	p := &packet.Disconnect{}
	switch n := a.random.IntN(4); {
	case a.version != packet.V5 || l == nil:
	case n == 0:
		p.ReasonCode = packet.DisconnectWithWill
	case n == 1 && l.lasting:
		p.SessionExpiry = new([]uint32{0, 20, 1000}[a.random.IntN(3)])
	default:
	}
	a.write(p)
	a.mu.Unlock()
	if l == nil {
		return
	}
	select {
	case <-l.over:
	case <-time.After(2 * time.Second):
	}
	_ = l.Close()
	<-l.over
}
