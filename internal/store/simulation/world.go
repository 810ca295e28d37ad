package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/history"
	"github.com/zancudomq/zancudo/internal/memnet"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

// World is a broker with its disk and its network, and the log of it all.
type World struct {
	Log *history.Log

	options Options
	random  *rand.Rand
	list    accessList

	mu   sync.Mutex
	bad  error // a panic of the broker
	life *life // nil: there is no broker
	disk *storetest.Disk
}

// life is one broker from its start to its end.
type life struct {
	broker   *broker.Broker
	store    broker.Store
	listener *memnet.Listener
	served   chan error
	disk     *storetest.Disk
	cut      atomic.Bool // the network is dead
	over     chan struct{}
	once     sync.Once
}

func newWorld(o Options, r *rand.Rand) *World {
	w := &World{Log: history.New(), options: o, random: r, disk: storetest.NewDisk()}
	w.list.log = w.Log
	return w
}

// start opens what the disk has, and serves.
func (w *World) start() error {
	w.disk.SlowSync(w.options.SlowSync)
	s, err := w.options.Open(w.disk)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	b := broker.New(broker.Options{
		Store: w.Log.Store(s), Authorizer: &w.list, Logger: slog.New(&listening{world: w}),
		MaxInflight: 3, MaxLoaded: 4, MaxQueued: -1, MaxQueuedBytes: -1, WriteTimeout: -1,
	})
	l := &life{broker: b, store: s, listener: memnet.Listen(), served: make(chan error, 1), disk: w.disk, over: make(chan struct{})}
	l.listener.Buffer = 4 << 10
	if err := b.Restore(); err != nil {
		return errors.Join(err, s.Close())
	}
	go func() { l.served <- b.Serve(w.Log.Listener(&cutListener{l.listener, l})) }()
	w.mu.Lock()
	w.life = l
	w.mu.Unlock()
	return nil
}

// Disk is the disk that there is now.
func (w *World) Disk() *storetest.Disk { return w.disk }

// Recovered waits until the store takes a fact, which no broker knows the key of.
func (w *World) Recovered(within time.Duration) error {
	facts := []broker.Fact{{Key: []byte("\xffprobe"), Value: []byte{}}}
	late := time.After(within)
	for {
		err := w.life.store.Append(facts, broker.Durable)
		if err == nil {
			return nil
		}
		select {
		case <-late:
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// panicked is the panic of a broker, if there was one.
func (w *World) panicked() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bad
}

// listening hears in the log of a broker that something has panicked.
type listening struct {
	slog.Handler
	world *World
}

// Enabled is for errors.
func (h *listening) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }

// Handle looks at a line.
func (h *listening) Handle(_ context.Context, r slog.Record) error {
	if !strings.Contains(r.Message, "panicked") {
		return nil
	}
	h.world.mu.Lock()
	defer h.world.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		h.world.bad = errors.Join(h.world.bad, fmt.Errorf("%s: %v", r.Message, a))
		return true
	})
	return nil
}

// Fail takes the power away before the n-th change of the disk from now on, or
// after the given time, and waits for it. Of what was not synced kept percent is
// there afterwards.
func (w *World) Fail(n int64, within time.Duration, seed uint64, kept int) {
	l := w.life
	power := func() {
		l.once.Do(func() {
			l.cut.Store(true) // what is acknowledged from here on reaches nobody
			w.disk = l.disk.Crash(seed, kept)
			w.Log.Crashed()
			close(l.over)
		})
	}
	l.disk.BeforeChange(l.disk.Changes()+n, power)
	select {
	case <-l.over:
	case <-time.After(within):
		power()
	}
	_ = w.end(l) // nobody will see what it left
}

// Stop stops the broker as it should be, after some time.
func (w *World) Stop(within time.Duration) error {
	time.Sleep(within)
	l := w.life
	l.cut.Store(true)
	w.Log.Stopped()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.broker.Shutdown(ctx) // clients that do not listen are cut off
	return w.end(l)
}

// end waits until nothing is left of a broker.
func (w *World) end(l *life) error {
	w.mu.Lock()
	w.life = nil
	w.mu.Unlock()
	_ = l.broker.Close() // and its listener
	if err := <-l.served; !errors.Is(err, broker.ErrClosed) {
		return errors.Join(err, l.store.Close())
	}
	return l.store.Close()
}

// dial connects a client, if there is a broker.
func (w *World) dial() (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life == nil || w.life.cut.Load() {
		return nil, net.ErrClosed
	}
	c, err := w.life.listener.Dial()
	if err != nil {
		return nil, err
	}
	return w.Log.Conn(c), nil
}

// cutListener makes connections that are dead when their broker has no power.
type cutListener struct {
	net.Listener
	life *life
}

func (l *cutListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &cutConn{c, l.life}, nil
}

type cutConn struct {
	net.Conn
	life *life
}

var errCut = errors.New("the power has failed")

func (c *cutConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.life.cut.Load() {
		return 0, errCut
	}
	return n, err
}

func (c *cutConn) Write(b []byte) (int, error) {
	if c.life.cut.Load() {
		return 0, errCut
	}
	return c.Conn.Write(b)
}

// accessList forbids one client one topic, every other version of it.
type accessList struct {
	log     *history.Log
	mu      sync.RWMutex
	version int
}

// Authorize is the broker's question.
func (a *accessList) Authorize(c *broker.Client, what broker.Action, topic string) error {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if what == broker.Receive && !permits(a.version, c.ID(), topic) {
		return errors.New("the access list says no")
	}
	return nil
}

func permits(version int, client, topic string) bool {
	return version%2 == 0 || client != "c1" || topic != "t/1"
}

// change puts the next version in force.
func (a *accessList) change() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	version := a.version
	a.log.Permitted(func(client, topic string) bool { return permits(version, client, topic) })
}

// OpenStore opens a store with small sizes, so that tables are written and
// merged in a short story.
func OpenStore(d *storetest.Disk) (broker.Store, error) { return OpenStoreWith(d, store.SyncAlways) }

// OpenStoreWith is OpenStore with another sync.
func OpenStoreWith(d *storetest.Disk, sync store.Sync) (broker.Store, error) {
	return store.Open(store.Options{
		FS: d.FS(), Dir: "/state/store", MemTableBytes: 64 << 10, ReserveBytes: 4096, Sync: sync,
		Retry: 10 * time.Millisecond, RetryLimit: 100 * time.Millisecond,
	})
}
