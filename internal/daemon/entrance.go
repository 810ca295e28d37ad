package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/admin"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
)

// entrance is a listener of the configuration that is open. What holds for its
// clients may change under it; when what its sockets are made of changes, they
// are opened anew.
type entrance struct {
	place place
	shape shape
	way   *broker.Listener
	api   *admin.Server // in the place of way, for HTTP; nil: it is for MQTT
	seal  *seal         // nil: it does without TLS
	stale stale

	sockets []net.Listener
	retired atomic.Bool  // its sockets are closed on purpose
	open    atomic.Int32 // sockets that are served
	serving sync.WaitGroup
}

// failure is a socket that cannot be served any more.
type failure struct {
	entrance *entrance
	err      error
}

// place is where a listener is found: two with the same cannot be open at once.
type place struct {
	port      int
	address   string // empty: all
	path      string // of a unix socket
	device    string
	domain    string
	name      string // of sockets of systemd
	localOnly bool
}

func placeOf(c *config.Config, l *config.Listener) place {
	return place{l.Port, l.Address, l.SocketPath, l.BindInterface, l.SocketDomain, l.SocketName, c.LocalOnly}
}

// String is how a sentence calls a place.
func (p place) String() string {
	l := config.Listener{Port: p.port, Address: p.address, SocketPath: p.path}
	return l.String()
}

// shape is what the sockets of a listener are made of.
type shape struct {
	protocol, httpDir, origins, proxies string
	mode, owner                         string // of a unix socket
	proxy                               int
	proxyTLS                            bool
	delay                               bool
	anonymous                           bool // for HTTP
	tls                                 bool
	proxyCertificate                    bool
}

func shapeOf(c *config.Config, l *config.Listener) shape {
	return shape{
		l.Protocol, l.HTTPDir, strings.Join(l.WebSocketsOrigins, "\n"), l.WebSocketsProxy, l.SocketMode, l.SocketOwner, l.EnableProxyProtocol, l.ProxyProtocolV2RequireTLS,
		!c.SetTCPNoDelay, l.Protocol == httpAPI && c.AnonymousOn(l), l.TLS.On(), l.EnableProxyProtocol == 2 && l.TLS.RequireCertificate,
	}
}

// enter opens a listener. Nobody is served yet.
func (d *daemon) enter(ctx context.Context, g *guards, l *config.Listener) (*entrance, error) {
	c := g.config
	e := &entrance{place: placeOf(c, l), shape: shapeOf(c, l), api: d.newAPI(c, l)}
	s, err := loadSecrets(c, l, d.keyLog)
	if err != nil {
		return nil, err
	}
	if s != nil {
		e.seal = newSeal(s)
		d.warn(s)
	}
	if e.sockets, err = d.openSockets(ctx, c, l, e.seal); err != nil {
		return nil, err
	}
	e.way = d.broker.Listener(g.listenerOptions(l))
	d.announce(c, l, e.sockets)
	return e, nil
}

// serve lets clients in.
func (d *daemon) serve(e *entrance) {
	e.open.Store(int32(len(e.sockets)))
	for _, socket := range e.sockets {
		e.serving.Go(func() {
			err := e.accept(socket)
			e.open.Add(-1)
			if !e.retired.Load() && !errors.Is(err, broker.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
				select {
				case d.failures <- failure{e, err}:
				default: // enough is known
				}
			}
		})
	}
}

func (e *entrance) accept(socket net.Listener) error {
	if e.api != nil {
		return e.api.Serve(socket)
	}
	return e.way.Serve(socket)
}

// lost notes that a socket failed. When all have, there is nothing left to do,
// which is an error.
func (d *daemon) lost(f failure) error {
	d.logger.Error("listener failed", "listener", f.entrance.place.String(), "err", f.err)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entrances {
		if e.open.Load() > 0 {
			return nil
		}
	}
	return fmt.Errorf("no listener is left: %w", f.err)
}

// close closes the sockets. Who has come by them stays.
func (e *entrance) close() {
	e.retired.Store(true)
	for _, socket := range e.sockets {
		_ = socket.Close() // it was only listened on
	}
}

// announce logs where l listens.
func (d *daemon) announce(c *config.Config, l *config.Listener, opened []net.Listener) {
	for _, one := range opened {
		d.logger.Log(context.Background(), logs.LevelInformation, "listener opened", "listener", one.Addr().String(), "protocol", l.Protocol)
	}
	switch {
	case c.LocalOnly:
		d.logger.Info("open to this machine only", "port", opened[0].Addr().(*net.TCPAddr).Port)
	case c.AnonymousOn(l) && l.Protocol != httpAPI:
		d.logger.Info("open to everybody", "listener", opened[0].Addr().String())
	}
}
