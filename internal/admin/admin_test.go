package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zancudomq/zancudo/internal/memnet"
)

// fake is a broker that is always the same.
type fake struct {
	err     error
	trouble string
}

var _ View = fake{}

func (fake) Version() string { return "1.2.3" }
func (fake) Figures() map[string]int64 {
	return map[string]int64{"$SYS/broker/uptime": 7, "$SYS/broker/clients/total": 3}
}
func (f fake) Healthy() error  { return f.err }
func (f fake) Trouble() string { return f.trouble }
func (fake) AppendMetrics(b []byte) []byte {
	return append(b, "zancudo_sessions 3\n"...)
}

func (fake) Listeners() []Listener {
	return []Listener{{Port: 1883, Protocol: "mqtt", AllowAnonymous: true}, {Path: "/run/x", Protocol: "mqtt"}, {Port: 8883, Protocol: "websockets", TLS: true, MTLS: true}}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	www := filepath.Join(dir, "www")
	for name, text := range map[string]string{
		"www/index.html": "<p>home", "www/a.css": "p{}", "www/sub/index.html": "<p>sub", "www/empty/x": "x", "www/api.txt": "api", "secret": "secret",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"www/out": "../secret", "www/far": "/etc/passwd", "www/in": "a.css", "www/up": ".."} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	const listeners = "{\n\t\"listeners\": [\n\t\t{\n\t\t\t\"port\": 1883,\n\t\t\t\"protocol\": \"mqtt\",\n\t\t\t\"tls\": false,\n\t\t\t\"mtls\": false,\n\t\t\t\"allow_anonymous\": true\n\t\t},\n" +
		"\t\t{\n\t\t\t\"path\": \"/run/x\",\n\t\t\t\"protocol\": \"mqtt\",\n\t\t\t\"tls\": false,\n\t\t\t\"mtls\": false,\n\t\t\t\"allow_anonymous\": false\n\t\t},\n" +
		"\t\t{\n\t\t\t\"port\": 8883,\n\t\t\t\"protocol\": \"websockets\",\n\t\t\t\"tls\": true,\n\t\t\t\"mtls\": true,\n\t\t\t\"allow_anonymous\": false\n\t\t}\n\t]\n}\n"
	s := NewServer(Options{View: fake{}, Dir: www})
	for _, tt := range []struct {
		method, path string
		status       int
		kind, body   string
		open         bool // to other origins
	}{
		{"GET", "/api/v1/version", 200, "text/plain; charset=utf-8", "1.2.3", true},
		{"GET", "/api/v1/listeners", 200, "application/json", listeners, true},
		{"GET", "/api/v1/systree", 200, "application/json", "{\n\t\"$SYS/broker/clients/total\": 3,\n\t\"$SYS/broker/uptime\": 7\n}\n", true},
		{"GET", "/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "zancudo_sessions 3\n", true},
		{"GET", "/healthz", 200, "text/plain; charset=utf-8", "ok\n", true},
		{"GET", "/api/v1/systree/", 404, "text/plain; charset=utf-8", "Not found.\n", false},
		{"GET", "/API/x", 404, "text/plain; charset=utf-8", "Not found.\n", false},
		{"GET", "/", 200, "text/html; charset=utf-8", "<p>home", false},
		{"GET", "/index.html", 200, "text/html; charset=utf-8", "<p>home", false},
		{"GET", "/a.css", 200, "text/css; charset=utf-8", "p{}", false},
		{"GET", "/in", 200, "", "p{}", false},
		{"GET", "/sub/", 200, "text/html; charset=utf-8", "<p>sub", false},
		{"GET", "/sub", 404, "", "Not found.\n", false},
		{"GET", "/empty/", 404, "", "Not found.\n", false},
		{"GET", "/none", 404, "", "Not found.\n", false},
		{"GET", "/../secret", 404, "", "Not found.\n", false},
		{"GET", "/%2e%2e/secret", 404, "", "Not found.\n", false},
		{"GET", "/..%2fsecret", 404, "", "Not found.\n", false},
		{"GET", "/..%5csecret", 404, "", "Not found.\n", false},
		{"GET", "/sub/../../secret", 404, "", "Not found.\n", false},
		{"GET", "/a.css%00.html", 404, "", "Not found.\n", false},
		{"GET", "/out", 404, "", "Not found.\n", false},
		{"GET", "/far", 404, "", "Not found.\n", false},
		{"GET", "/up/secret", 404, "", "Not found.\n", false},
		{"HEAD", "/api/v1/version", 200, "", "", true},
		{"POST", "/api/v1/version", 405, "", "Invalid HTTP Method\n", false},
		{"DELETE", "/a.css", 405, "", "Invalid HTTP Method\n", false},
		{"OPTIONS", "/", 405, "", "Invalid HTTP Method\n", false},
	} {
		url := httptest.NewServer(s)
		c, err := net.Dial("tcp", url.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", tt.method, tt.path)
		r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: tt.method})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != tt.status || string(body) != tt.body {
			t.Errorf("%s %s: got %d %q, %v, want %d %q", tt.method, tt.path, r.StatusCode, body, err, tt.status, tt.body)
		}
		if kind := r.Header.Get("Content-Type"); tt.kind != "" && kind != tt.kind {
			t.Errorf("%s %s: is %s, want %s", tt.method, tt.path, kind, tt.kind)
		}
		if open := r.Header.Get("Access-Control-Allow-Origin") == "*"; open != tt.open {
			t.Errorf("%s %s: open to all origins %t, want %t", tt.method, tt.path, open, tt.open)
		}
		c.Close()
		url.Close()
	}
}

func TestWithoutFiles(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{View: fake{}}, {View: fake{}, Dir: filepath.Join(t.TempDir(), "none")}} {
		w := httptest.NewRecorder()
		NewServer(o).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		if w.Code != 404 {
			t.Errorf("%q: got %d", o.Dir, w.Code)
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	NewServer(Options{View: fake{err: errors.New("shutting down")}}).ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	if w.Code != 503 || w.Body.String() != "shutting down\n" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	w = httptest.NewRecorder()
	NewServer(Options{View: fake{trouble: "store full: no space"}}).ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	if w.Code != 200 || w.Body.String() != "ok\nstore full: no space\n" {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	s := NewServer(Options{View: fake{}, Authenticate: func(r *http.Request) error {
		if name, password, ok := r.BasicAuth(); !ok || name != "me" || password != "pass" {
			return errors.New("no such user")
		}
		return nil
	}})
	for _, tt := range []struct {
		path, name string
		want       int
	}{{"/api/v1/version", "me", 200}, {"/api/v1/version", "you", 401}, {"/metrics", "", 401}, {"/", "", 401}, {"/healthz", "", 200}} {
		r := httptest.NewRequest("GET", tt.path, nil)
		if tt.name != "" {
			r.SetBasicAuth(tt.name, "pass")
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != tt.want || (w.Code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%+v: got %d %v", tt, w.Code, w.Header())
		}
	}
}

// A peer that sends nothing, too much or too slowly is cut off.
func TestHardening(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		s := NewServer(Options{View: fake{}})
		ended := make(chan error)
		go func() { ended <- s.Serve(l) }()
		for name, send := range map[string]func(c net.Conn){
			"nothing": func(net.Conn) {},
			"slow": func(c net.Conn) {
				for _, b := range []byte("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n") {
					if _, err := c.Write([]byte{b}); err != nil {
						return
					}
					time.Sleep(time.Second)
				}
			},
			"much": func(c net.Conn) {
				_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("A: "+strings.Repeat("b", 100)+"\r\n", 1000)+"\r\n")
			},
		} {
			c, err := l.Dial()
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			var sending sync.WaitGroup
			sending.Go(func() { send(c) })
			answer, _ := io.ReadAll(c)
			if took := time.Since(start); took > headerTimeout+writeTimeout {
				t.Errorf("%s: it took %v", name, took)
			}
			if strings.Contains(string(answer), " 200 ") {
				t.Errorf("%s: got %s", name, answer)
			}
			c.Close()
			sending.Wait()
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
	})
}

// Connections are bounded; those that wait come in when others have left.
func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := memnet.Listen()
		l := limit(inner, 2)
		accepted := make(chan net.Conn, 10)
		go func() {
			defer close(accepted)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				accepted <- c
			}
		}()
		for range 3 {
			c, err := inner.Dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		}
		synctest.Wait()
		if len(accepted) != 2 {
			t.Fatalf("%d connections are accepted", len(accepted))
		}
		first := <-accepted
		first.Close()
		first.Close() // leaves once
		synctest.Wait()
		if len(accepted) != 2 {
			t.Errorf("%d connections are accepted", len(accepted))
		}
		l.Close()
		for c := range accepted {
			c.Close()
		}
	})
}

func TestShutdownIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := memnet.Listen()
		release := make(chan struct{})
		s := NewServer(Options{View: fake{}, Authenticate: func(*http.Request) error {
			<-release
			return nil
		}})
		go s.Serve(l)
		c, err := l.Dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		close(release)
		synctest.Wait()
	})
}
