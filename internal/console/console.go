package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Dir is where the sockets are, unless somebody says otherwise: the runtime
// directory of a service or a user.
func Dir(getenv func(string) string) string {
	switch runtime := getenv("RUNTIME_DIRECTORY"); { // systemd's, for a service
	case runtime != "":
		first, _, _ := strings.Cut(runtime, ":")
		return first
	case os.Geteuid() == 0:
		return "/run/zancudo"
	case getenv("XDG_RUNTIME_DIR") != "":
		return filepath.Join(getenv("XDG_RUNTIME_DIR"), "zancudo")
	default:
		return filepath.Join(os.TempDir(), "zancudo-"+strconv.Itoa(os.Geteuid()))
	}
}

const ending = ".sock"

// Listen opens the socket of this process in a directory, which it makes if need
// be. Closing the listener removes it.
func Listen(dir string) (net.Listener, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the console: %w", err)
	}
	if err := private(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, strconv.Itoa(os.Getpid())+ending)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // of an earlier process with our number
		return nil, fmt.Errorf("remove an old socket: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the console: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open the console: %w", err), l.Close())
	}
	return l, nil
}

// Handler answers one kind of request. in is JSON, or nothing; what it returns
// is sent as JSON. The text of an error is sent as it is.
type Handler func(ctx context.Context, in []byte) (out any, err error)

// A Stream is an answer that is no JSON but bytes, which the function writes. The
// text of an error reaches who has asked, whatever was written before.
type Stream func(w io.Writer) error

// trailer is the header behind a Stream that has the error, quoted; none: it is whole.
const trailer = "Zancudo-Error"

const (
	maxRequest  = 1 << 20
	maxResponse = 64 << 20
	readTimeout = 10 * time.Second
)

// failure is the answer when a handler returns an error.
type failure struct {
	Error string `json:"error"`
}

// Serve answers requests by their names until the listener is closed.
func Serve(l net.Listener, handlers map[string]Handler) error {
	server := &http.Server{
		ReadTimeout: readTimeout, ReadHeaderTimeout: readTimeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			name := strings.TrimPrefix(r.URL.Path, "/")
			h := handlers[name]
			if h == nil || r.Method != http.MethodPost {
				answer(w, http.StatusNotFound, failure{fmt.Sprintf("this broker knows no request '%s'", name)})
				return
			}
			in, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
			var out any
			if err == nil {
				out, err = h(r.Context(), in)
			}
			if err != nil {
				answer(w, http.StatusUnprocessableEntity, failure{err.Error()})
				return
			}
			if stream, ok := out.(Stream); ok {
				serveStream(w, stream)
				return
			}
			answer(w, http.StatusOK, out)
		}),
	}
	err := server.Serve(l)
	return errors.Join(err, server.Close())
}

func serveStream(w http.ResponseWriter, stream Stream) {
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Trailer", trailer)
	if err := stream(w); err != nil {
		w.Header().Set(trailer, strconv.QuoteToASCII(err.Error()))
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // who asked may be gone
}

// Broker is one that runs on this machine.
type Broker struct {
	PID  int
	path string
}

// Find returns the brokers that have a socket in a directory, by their numbers.
func Find(dir string) (running []Broker, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for brokers: %w", err)
	}
	for _, e := range entries {
		number, isSocket := strings.CutSuffix(e.Name(), ending)
		pid, notNumber := strconv.Atoi(number)
		if !isSocket || notNumber != nil {
			continue
		}
		b := Broker{pid, filepath.Join(dir, e.Name())}
		conn, err := b.dial(context.Background())
		if err != nil {
			if refused(err) {
				_ = os.Remove(b.path) // its broker is dead; it may be another's to remove
			}
			continue
		}
		_ = conn.Close()
		running = append(running, b)
	}
	slices.SortFunc(running, func(a, b Broker) int { return cmp.Compare(a.PID, b.PID) })
	return running, nil
}

func (b Broker) dial(ctx context.Context) (net.Conn, error) {
	return (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", b.path)
}

// Call sends a request and reads the answer into out. in and out may be nil. An
// error of the broker's own is an *Error.
func (b Broker) Call(ctx context.Context, name string, in, out any) error {
	return b.ask(ctx, name, in, func(response *http.Response) error {
		text, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
		if err != nil || out == nil {
			return err
		}
		return json.Unmarshal(text, out)
	})
}

// Fetch sends a request and copies the answer, a Stream, to w. What was written
// is whole when it returns nil.
func (b Broker) Fetch(ctx context.Context, name string, in any, w io.Writer) error {
	return b.ask(ctx, name, in, func(response *http.Response) error {
		if _, err := io.Copy(w, response.Body); err != nil {
			return err
		}
		if text := response.Trailer.Get(trailer); text != "" {
			if plain, err := strconv.Unquote(text); err == nil {
				text = plain
			}
			return &Error{text}
		}
		return nil
	})
}

// ask sends a request and gives the answer to take.
func (b Broker) ask(ctx context.Context, name string, in any, take func(*http.Response) error) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return fmt.Errorf("ask broker %d for %s: %w", b.PID, name, err)
		}
	}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return b.dial(ctx) }}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://broker/"+name, &body)
	if err != nil {
		return fmt.Errorf("ask broker %d for %s: %w", b.PID, name, err)
	}
	response, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return fmt.Errorf("ask broker %d for %s: %w", b.PID, name, err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
		var f failure
		if err != nil || json.Unmarshal(text, &f) != nil {
			f.Error = response.Status
		}
		return &Error{f.Error}
	}
	err = take(response)
	if told := (*Error)(nil); err != nil && !errors.As(err, &told) {
		return fmt.Errorf("read the answer of broker %d: %w", b.PID, err)
	}
	return err
}

// Error is what a broker says of a request that it could not grant.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }
