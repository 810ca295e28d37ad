package daemon

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/admin"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/metrics"
	"github.com/zancudomq/zancudo/internal/store"
)

// httpAPI is the word for a listener that answers requests of HTTP.
const httpAPI = "http_api"

// newAPI returns what serves l if it is one for HTTP; nil: it is for MQTT.
func (d *daemon) newAPI(c *config.Config, l *config.Listener) *admin.Server {
	if l.Protocol != httpAPI {
		return nil
	}
	o := admin.Options{View: view{d}, Dir: l.HTTPDir, Logger: d.logger}
	if !c.AnonymousOn(l) {
		at := placeOf(c, l)
		o.Authenticate = func(r *http.Request) error { return d.authenticateRequest(at, r) }
	}
	return admin.NewServer(o)
}

// apiClient is what requests of HTTP are to an Authenticator.
const apiClient = "http-api"

// authenticateRequest asks who decides about the listener at a place, as it is
// configured now, whether a request is welcome.
func (d *daemon) authenticateRequest(at place, r *http.Request) error {
	g := d.deciding.Load()
	i := slices.IndexFunc(g.config.Listeners, func(l *config.Listener) bool { return placeOf(g.config, l) == at })
	if i < 0 {
		return errors.New("the listener was removed")
	}
	a := g.authenticator(g.config.Listeners[i])
	if a == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), apiPatience)
	defer cancel()
	c := &broker.ConnectRequest{ClientID: apiClient, Conn: requester{remote: r.RemoteAddr}}
	var secret string
	c.Username, secret, c.HasUsername = r.BasicAuth()
	c.Password, c.HasPassword = []byte(secret), c.HasUsername
	return a.Authenticate(ctx, c)
}

// apiPatience is how long a request may wait until it is decided.
const apiPatience = 10 * time.Second

// requester is the connection of a request: all that is known of it is where it
// comes from.
type requester struct {
	net.Conn
	remote string
}

func (r requester) RemoteAddr() net.Addr { return r }
func (requester) Network() string        { return "tcp" }
func (r requester) String() string       { return r.remote }

// apiLimit is how long requests may take that are being answered.
const apiLimit = time.Second

// endAPI ends the server of an entrance, if it has one.
func (e *entrance) endAPI() {
	if e.api == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), apiLimit)
	defer cancel()
	_ = e.api.Shutdown(ctx) // who is not answered by then is cut off
}

// view is what the API shows.
type view struct{ daemon *daemon }

var _ admin.View = view{}

func (v view) Version() string {
	return strings.TrimPrefix(v.daemon.options.Version, "zancudo version ")
}

func (v view) Listeners() (all []admin.Listener) {
	c := v.daemon.current()
	for _, l := range c.Listeners {
		shown := admin.Listener{
			Port: l.Port, Path: l.SocketPath, Protocol: l.Protocol, TLS: l.TLS.On(), MTLS: l.TLS.RequireCertificate, AllowAnonymous: c.AnonymousOn(l),
		}
		if l.Protocol == httpAPI {
			shown.Protocol = "httpapi"
		}
		all = append(all, shown)
	}
	return all
}

func (v view) Figures() map[string]int64 {
	s := v.daemon.sampler.Sample()
	all := map[string]int64{"$SYS/broker/uptime": int64(s.Uptime.Seconds())}
	for _, r := range metrics.Rows() {
		for _, topic := range r.Topics {
			all["$SYS/broker/"+topic] = r.Value(&s)
		}
	}
	return all
}

func (v view) AppendMetrics(b []byte) []byte {
	s := v.daemon.sampler.Sample()
	return metrics.AppendText(b, &s)
}

// Trouble tells of a store that takes nothing. That is no reason to start the
// broker again: it goes on by itself when it can.
func (v view) Trouble() string {
	if v.daemon.store == nil {
		return ""
	}
	if s := v.daemon.store.State(); s.Condition != store.Ready {
		return "store " + s.Condition.String() + ": " + s.Text
	}
	return ""
}

func (v view) Healthy() error {
	ctx, cancel := context.WithTimeout(context.Background(), apiLimit)
	defer cancel()
	return selfTest(ctx, v.daemon.broker)
}
