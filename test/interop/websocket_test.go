package interop

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/zancudomq/zancudo/internal/proctest"
)

// webSocketVersions are those that are tried over WebSocket. Browsers know nothing of versions; MQTT.js does.
var webSocketVersions = []string{"3", "4", "5"}

// browserLimit is how long a page may take. A browser is slow to start on a busy machine.
const browserLimit = 4 * limit

// TestWebSocket takes MQTT.js through the exchanges over WebSocket, in Node and in a browser.
func TestWebSocket(t *testing.T) {
	port, anyOrigin := proctest.FreePort(t), proctest.FreePort(t)
	pages := httptest.NewUnstartedServer(nil) // whose address is the only origin that is let in
	defer pages.Close()
	origin := "http://" + pages.Listener.Addr().String()
	printed := startConfigured(t, port, "allow_anonymous true\nlistener "+port+" 127.0.0.1\nprotocol websockets\n"+
		"websockets_origin "+origin+"\nlistener "+anyOrigin+" 127.0.0.1\nprotocol websockets\n")
	t.Run("node", func(t *testing.T) {
		command := node(t)
		for _, version := range webSocketVersions {
			t.Run("v"+version, func(t *testing.T) {
				t.Parallel()
				client{name: "websocket"}.run(t, command, "ws://127.0.0.1", anyOrigin, version) // Node is no page: it has no origin
			})
		}
	})
	t.Run("chromium", func(t *testing.T) {
		browser := newBrowser(t, pages)
		for _, version := range webSocketVersions {
			t.Run("v"+version, func(t *testing.T) {
				browser.run(t, origin, port, version)
			})
		}
	})
	t.Run("chromium from another origin", func(t *testing.T) {
		browser := newBrowser(t, httptest.NewUnstartedServer(nil))
		got := browser.visit(t, "http://"+browser.pages.Listener.Addr().String(), port, "4", []string{"qos0"})
		if !strings.HasPrefix(got, "failed qos0") {
			t.Errorf("the page of another origin prints %q", got)
		}
		if !strings.Contains(printed.String(), " rejected, ") {
			t.Error("the broker does not say that it has rejected the page")
		}
	})
}

// A browser is Chromium, and pages for it.
type browser struct {
	chromium string
	pages    *httptest.Server
	done     chan string // what a page prints
	protocol string      // ws or wss
	flags    []string    // more of them
}

// newBrowser serves the pages, and skips the test where there is no browser.
func newBrowser(t *testing.T, pages *httptest.Server) *browser {
	t.Helper()
	b := &browser{chromium: program(t, "chromium", "chromium"), pages: pages, done: make(chan string, 1), protocol: "ws"}
	files := map[string]string{
		"/page.html": "node/page.html", "/exchanges.js": "node/exchanges.js", "/mqtt.js": "node/node_modules/mqtt/dist/mqtt.esm.js",
	}
	if _, err := os.Stat(files["/mqtt.js"]); err != nil {
		missing(t, "MQTT.js is not installed: npm ci in test/interop/node")
	}
	mux := http.NewServeMux()
	for path, name := range files {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) })
	}
	mux.HandleFunc("POST /done", func(_ http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			text = fmt.Appendf(nil, "failed: %v", err)
		}
		select {
		case b.done <- string(text):
		default: // one end is enough
		}
	})
	pages.Config.Handler = mux
	pages.Start()
	t.Cleanup(pages.Close)
	return b
}

// run takes a page through the exchanges of a version.
func (b *browser) run(t *testing.T, origin, port, version string) {
	t.Helper()
	printed := b.visit(t, origin, port, version, list(version))
	results := map[string]string{}
	for line := range strings.Lines(printed) {
		verdict, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, _, _ := strings.Cut(rest, ":")
		results[name] = verdict
	}
	for _, name := range list(version) {
		if results[name] != "ok" {
			t.Errorf("%s: the page prints\n%s", name, printed)
			return
		}
	}
}

// visit opens the page in a browser of its own, and returns what it prints.
func (b *browser) visit(t *testing.T, origin, port, version string, names []string) string {
	t.Helper()
	query := url.Values{"protocol": {b.protocol}, "port": {port}, "version": {version}, "prefix": {"browser" + version}, "names": {strings.Join(names, ",")}}
	args := append(b.flags, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", // which keeps it open
		origin+"/page.html?"+query.Encode())
	cmd := exec.Command(b.chromium, args...)
	printed := &proctest.Output{}
	cmd.Stdout, cmd.Stderr = printed, printed
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // it is ended by us
	}()
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt) // fails where it has ended by itself
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	}()
	select {
	case text := <-b.done:
		return text
	case <-ended:
		t.Fatalf("the browser ended:\n%s", printed)
	case <-time.After(browserLimit):
		t.Fatalf("the page is not done after %v; the browser printed\n%s", browserLimit, printed)
	}
	return ""
}
