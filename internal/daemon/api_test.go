package daemon

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// get asks for a page.
func get(t *testing.T, port int, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port)+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestHTTPAPI(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.html"), []byte("<p>home"), 0o600); err != nil {
		t.Fatal(err)
	}
	mqtt := "allow_anonymous true\nlistener " + strconv.Itoa(ports[0]) + " 127.0.0.1\n"
	api := "listener " + strconv.Itoa(ports[1]) + " 127.0.0.1\n"
	r := startReloadable(t, mqtt+api+"protocol http_api\nhttp_dir "+dir+"\n")
	r.connect(ports[0], "v5 id=c clean", "...")
	for path, want := range map[string]string{"/api/v1/version": "test", "/": "<p>home", "/healthz": "ok\n"} {
		if status, body := get(t, ports[1], path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: got %d %q, want %q", path, status, body, want)
		}
	}
	_, body := get(t, ports[1], "/api/v1/systree")
	var figures map[string]int64
	if err := json.Unmarshal([]byte(body), &figures); err != nil || figures["$SYS/broker/clients/connected"] != 1 {
		t.Errorf("%v: %s", err, body)
	}
	_, body = get(t, ports[1], "/api/v1/listeners")
	if !strings.Contains(body, `"protocol": "httpapi"`) || !strings.Contains(body, `"port": `+strconv.Itoa(ports[0])) {
		t.Errorf("listeners: %s", body)
	}
	if status, body := get(t, ports[1], "/metrics"); status != 200 || !strings.Contains(body, "zancudo_clients_connected 1\n") {
		t.Errorf("metrics: %d %s", status, body)
	}
	name := " (listener " + strconv.Itoa(ports[1]) + " 127.0.0.1)"
	// Without anonymous users nobody is let in, as there are no others; whether the
	// broker is well may be asked all the same.
	r.must(mqtt+api+"protocol http_api\nlistener_allow_anonymous false\n", "~listener_allow_anonymous (none) → false"+name, "~http_dir "+dir+" → (none)"+name)
	if status, _ := get(t, ports[1], "/api/v1/version"); status != 401 {
		t.Errorf("got %d, want 401", status)
	}
	if status, _ := get(t, ports[1], "/healthz"); status != 200 {
		t.Errorf("healthz: got %d", status)
	}
	r.must(mqtt+api, "~protocol http_api → mqtt"+name, "~listener_allow_anonymous false → (none)"+name)
	r.connect(ports[1], "v5 id=c clean", "...")
	r.must(mqtt, "-listener "+strconv.Itoa(ports[1])+" 127.0.0.1")
	refuses(t, ports[1])
}
