package admin

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// View is what is shown.
type View interface {
	// Version is that of the program, as "1.2.3".
	Version() string
	// Listeners are those that clients can connect to.
	Listeners() []Listener
	// Figures are the whole numbers below $SYS/broker by their topics.
	Figures() map[string]int64
	// AppendMetrics appends the figures in the text format of Prometheus.
	AppendMetrics(b []byte) []byte
	// Healthy returns why clients are not served; nil: they are.
	Healthy() error
	// Trouble is what works less well than it should, though clients are served;
	// empty: nothing.
	Trouble() string
}

// Listener is what is told of one.
type Listener struct {
	Port           int    `json:"port,omitempty"`
	Path           string `json:"path,omitempty"` // of a unix socket
	Protocol       string `json:"protocol"`       // mqtt, websockets or httpapi
	TLS            bool   `json:"tls"`
	MTLS           bool   `json:"mtls"` // clients show a certificate
	AllowAnonymous bool   `json:"allow_anonymous"`
}

// Options say what is served to whom.
type Options struct {
	View View
	// Dir has files that are served; empty: none are.
	Dir string
	// Authenticate returns nil to let a request in; nil: everybody is. Who is not
	// is asked for a name and a password. Whether the broker is healthy may be
	// asked by everybody.
	Authenticate func(r *http.Request) error
	// Logger takes what goes wrong; nil: nothing is logged.
	Logger *slog.Logger
}

// Limits of a request, of a connection and of all of them.
const (
	maxHeaderBytes = 16 << 10
	maxConnections = 128
	headerTimeout  = 5 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 60 * time.Second
)

// Server answers requests. Create it with NewServer.
type Server struct {
	options Options
	http    *http.Server
}

// NewServer returns a server that serves nothing yet.
func NewServer(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{options: o}
	s.http = &http.Server{
		Handler: s, MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug), // peers bring these about
	}
	return s
}

// Serve accepts connections until l fails, or the server is closed; then it
// returns http.ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(limit(l, maxConnections)) }

// Shutdown stops accepting and returns when all requests are answered, or ctx
// ends: then they are cut off, and its error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // what could go wrong has
	}
	return err
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 0) // nothing is sent here
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "frame-ancestors 'none'")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed, "Invalid HTTP Method")
		return
	}
	if r.URL.Path == "/healthz" {
		s.health(w)
		return
	}
	if f := s.options.Authenticate; f != nil {
		if err := f(r); err != nil {
			s.options.Logger.Info("request refused", "remote", r.RemoteAddr, "err", err)
			h.Set("WWW-Authenticate", `Basic realm="Zancudo API", charset="UTF-8"`)
			refuse(w, http.StatusUnauthorized, "Not authorised")
			return
		}
	}
	s.answer(w, r)
}

// answer is the table of what there is.
func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	v := s.options.View
	switch path := r.URL.Path; {
	case path == "/api/v1/version":
		s.send(w, "text/plain; charset=utf-8", []byte(v.Version()))
	case path == "/api/v1/listeners":
		s.sendJSON(w, map[string][]Listener{"listeners": v.Listeners()})
	case path == "/api/v1/systree":
		s.sendJSON(w, v.Figures())
	case path == "/metrics":
		s.send(w, "text/plain; version=0.0.4; charset=utf-8", v.AppendMetrics(nil))
	case len(path) >= 5 && strings.EqualFold(path[:5], "/api/"), s.options.Dir == "":
		refuse(w, http.StatusNotFound, "Not found.")
	default:
		s.file(w, r)
	}
}

// health answers programs that look whether the broker serves.
func (s *Server) health(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	if err := s.options.View.Healthy(); err != nil {
		refuse(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	text := "ok\n"
	if trouble := s.options.View.Trouble(); trouble != "" {
		text += trouble + "\n"
	}
	s.send(w, "text/plain; charset=utf-8", []byte(text))
}

func (s *Server) sendJSON(w http.ResponseWriter, v any) {
	b, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		s.options.Logger.Error("answer not encoded", "err", err)
		refuse(w, http.StatusInternalServerError, "Internal server error.")
		return
	}
	s.send(w, "application/json", append(b, '\n'))
}

// send answers with what pages of any origin may read, as in Mosquitto.
func (s *Server) send(w http.ResponseWriter, contentType string, b []byte) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Content-Type", contentType)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	_, _ = w.Write(b) // whoever asked is gone
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // whoever asked is gone
}
