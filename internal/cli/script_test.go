package cli

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/big"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/auth"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/internal/psk"
	"github.com/zancudomq/zancudo/internal/ws"
	"github.com/zancudomq/zancudo/packet"
)

// The scripts in testdata/script run the program as a shell does, against a
// broker of their own that listens on
//
//	$PORT    TCP, also at the host $HOST
//	$TLSPORT TLS, as localhost; $CA signed its certificate, and $CERT with $KEY is one for clients
//	$PSKPORT TLS with a pre-shared key: me has 0badcafe
//	$WSPORT  WebSocket
//	$USERPORT TCP, for the user me with the password secret, told or proven by SCRAM-SHA-256
//	$SOCK    a unix socket
//	$PROXY   is a SOCKS5 proxy, whose user is me with the password secret
//
// Commands beside those of testscript:
//
//	all FLAGS       runs pub, sub and rr with the flags, all of which must succeed
//	! all FLAGS     the same, and none may; $WANT is what stderr must match
//	wire REGEXP     waits until a packet matches, as > CONNECT … from a client or < CONNACK … to it
//	! wire REGEXP   no packet has matched
//	forget          forgets the packets
//	flip FILE N     changes the byte at N
//	cut FILE N      leaves N bytes
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "script"),
		Setup: setUpScript,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"all":    scriptAll,
			"wire":   scriptWire,
			"flip":   scriptFlip,
			"cut":    scriptCut,
			"forget": func(ts *testscript.TestScript, _ bool, _ []string) { wireOf(ts).forget() },
		},
	})
}

func TestMain(m *testing.M) {
	// Brokers that run in the tests' own process stay who they are, also as root,
	// and keep nothing where the user's own may, unless a script wants it.
	if _, given := os.LookupEnv("ZANCUDO_PERSISTENCE"); !given {
		if err := os.Setenv("ZANCUDO_PERSISTENCE", "false"); err != nil {
			panic(err)
		}
	}
	if err := os.Setenv("ZANCUDO_USER", "root"); err != nil {
		panic(err)
	}
	program := func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		context.AfterFunc(ctx, stop)
		os.Exit(Main(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){"zancudo": program}) // no more: Mosquitto's tools must be found by others
}

// TestEveryFlagHasAScript walks the tables of the tools, and the first group of
// those that have the rest in common with them.
func TestEveryFlagHasAScript(t *testing.T) {
	used := map[string]map[string]bool{"pub": {}, "sub": {}, "rr": {}, "record": {}, "replay": {}, "passwd": {}, "db": {}, "backup": {}, "restore": {}}
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	must(t, err)
	command := regexp.MustCompile(`^(?:! |\? )*(?:exec zancudo (pub|sub|rr|record|replay|passwd|db|backup|restore)|(all)) (.*)`)
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		must(t, err)
		for line := range strings.Lines(string(text)) {
			m := command.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			for tool, flags := range used {
				if m[1] != tool && m[2] == "" {
					continue
				}
				for word := range strings.FieldsSeq(m[3]) {
					flags[word] = true
				}
			}
		}
	}
	for tool, table := range map[string]*flags.Command{
		"pub": newPubOptions().table(), "sub": newSubOptions().table(), "rr": newRROptions().table(),
		"record": first(newRecordOptions().table()), "replay": first(newReplayOptions().table()), "passwd": first(passwdTable(&passwdOptions{})),
		"db": first(dbTable(&dbOptions{})), "backup": first(backupTable(&backupOptions{})), "restore": first(restoreTable(&restoreOptions{})),
	} {
		for f := range table.All() {
			for name := range strings.SplitSeq(f.Names, ", ") {
				if !used[tool][name] {
					t.Errorf("no script runs %s with %s", tool, name)
				}
			}
		}
	}
}

// first is a command with its first group of flags only, without those that every
// command has.
func first(c *flags.Command) *flags.Command {
	c.Groups = c.Groups[:1]
	c.Groups[0].Flags = slices.DeleteFunc(c.Groups[0].Flags, func(f flags.Flag) bool { return f.Names == "--help" || f.Names == "--version" })
	return c
}

func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	name, at := scriptFile(ts, args)
	b, err := os.ReadFile(name)
	ts.Check(err)
	b[at] ^= 0x55
	ts.Check(os.WriteFile(name, b, 0o600))
}

func scriptCut(ts *testscript.TestScript, _ bool, args []string) {
	name, size := scriptFile(ts, args)
	ts.Check(os.Truncate(name, int64(size)))
}

func scriptFile(ts *testscript.TestScript, args []string) (name string, n int) {
	if len(args) != 2 {
		ts.Fatalf("flip and cut take a file and a number")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	return ts.MkAbs(args[0]), n
}

// scriptAll runs all three tools.
func scriptAll(ts *testscript.TestScript, neg bool, args []string) {
	for _, line := range [][]string{
		{"pub", "-t", "all", "-m", "hello", "-r"},
		{"sub", "-t", "all", "-C", "1", "-W", "30"},
		{"rr", "-t", "all/echo", "-e", "all/echo", "-m", "hello", "-W", "30"},
	} {
		line = append(line, args...)
		err := ts.Exec("zancudo", line...)
		switch {
		case neg && err == nil:
			ts.Fatalf("zancudo %s succeeds", strings.Join(line, " "))
		case !neg && err != nil:
			ts.Fatalf("zancudo %s: %v", strings.Join(line, " "), err)
		case neg:
			if stderr := ts.ReadFile("stderr"); !regexp.MustCompile(ts.Getenv("WANT")).MatchString(stderr) {
				ts.Fatalf("zancudo %s does not say %q but\n%s", strings.Join(line, " "), ts.Getenv("WANT"), stderr)
			}
		}
	}
}

// A wire remembers what clients and broker say.
type wire struct {
	mu   sync.Mutex
	said []string
	more chan struct{} // closed by the next packet
}

type wireKey struct{}

func wireOf(ts *testscript.TestScript) *wire { return ts.Value(wireKey{}).(*wire) }

func (w *wire) packet(_ *broker.Client, d broker.Direction, p packet.Packet) {
	way := ">"
	if d == broker.Sent {
		way = "<"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, assigned.ReplaceAllString(fmt.Sprintf("%s %v", way, p), ""))
	if w.more != nil {
		close(w.more)
		w.more = nil
	}
}

// assigned are the client identifiers of clients that brought none.
var assigned = regexp.MustCompile(` id=auto-\S+`)

func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = nil
}

func (w *wire) matches(re *regexp.Regexp) (matched bool, more <-chan struct{}, all string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.more == nil {
		w.more = make(chan struct{})
	}
	return slices.ContainsFunc(w.said, re.MatchString), w.more, strings.Join(w.said, "\n")
}

func scriptWire(ts *testscript.TestScript, neg bool, args []string) {
	re, err := regexp.Compile(strings.Join(args, " "))
	ts.Check(err)
	deadline := time.After(time.Minute)
	for {
		matched, more, all := wireOf(ts).matches(re)
		switch {
		case matched && neg:
			ts.Fatalf("a packet matches %s:\n%s", re, all)
		case matched || neg:
			return
		}
		select {
		case <-more:
		case <-deadline:
			ts.Fatalf("no packet matches %s:\n%s", re, all)
		}
	}
}

func setUpScript(env *testscript.Env) error {
	w := &wire{}
	env.Values[wireKey{}] = w
	b := broker.New(broker.Options{Trace: &broker.Trace{Packet: w.packet}})
	env.Defer(func() { b.Close() })
	ca, certificate, err := certificates(env.WorkDir)
	if err != nil {
		return err
	}
	sock := filepath.Join(env.WorkDir, "mqtt.sock")
	open := func(network, address string) (net.Listener, error) {
		return (&net.ListenConfig{}).Listen(context.Background(), network, address)
	}
	ports := map[string]func(l net.Listener) net.Listener{
		"PORT": func(l net.Listener) net.Listener { return l },
		"TLSPORT": func(l net.Listener) net.Listener {
			return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: ca, ClientAuth: tls.VerifyClientCertIfGiven, NextProtos: []string{"mqtt", "x"}})
		},
		"PSKPORT": func(l net.Listener) net.Listener { return keyed{l} },
		"WSPORT":  func(l net.Listener) net.Listener { return ws.NewListener(l, ws.Options{}) },
	}
	for name, wrap := range ports {
		l, err := open("tcp", "localhost:0")
		if err != nil {
			return err
		}
		env.Setenv(name, portOf(l))
		go b.Serve(wrap(l))
	}
	if err := serveUser(env, b, open); err != nil {
		return err
	}
	l, err := open("unix", sock)
	if err != nil {
		return err
	}
	go b.Serve(l)
	proxy, err := open("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	env.Defer(func() { proxy.Close() })
	go serveProxy(proxy)
	for name, value := range map[string]string{
		"SOCK": sock, "PROXY": proxy.Addr().String(), "HOME": env.WorkDir, "NO_COLOR": "",
		"GORACE": "atexit_sleep_ms=0", // with the race detector each program would linger for a second
		"CA":     filepath.Join(env.WorkDir, "ca.crt"), "CERT": filepath.Join(env.WorkDir, "client.crt"), "KEY": filepath.Join(env.WorkDir, "client.key"),
	} {
		env.Setenv(name, value)
	}
	return nil
}

// serveUser opens $USERPORT.
func serveUser(env *testscript.Env, b *broker.Broker, open func(network, address string) (net.Listener, error)) error {
	h, err := password.Recipe{Scheme: password.SCRAMSHA256, Iterations: password.MinSCRAMIterations}.Make([]byte("secret"))
	if err != nil {
		return err
	}
	l, err := open("tcp", "localhost:0")
	if err != nil {
		return err
	}
	env.Setenv("USERPORT", portOf(l))
	users := auth.NewUsers(map[string]*password.Hash{"me": h})
	go b.Listener(broker.ListenerOptions{Authenticator: &auth.Passwords{Users: users, Verifier: auth.NewVerifier(auth.Options{})}}).Serve(l)
	return nil
}

// keyed is a listener for those who have a key.
type keyed struct{ net.Listener }

func (k keyed) Accept() (net.Conn, error) {
	c, err := k.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return psk.Server(c, psk.Config{Key: func(identity string) ([]byte, error) {
		if identity != "me" {
			return nil, fmt.Errorf("%s has no key", identity)
		}
		return []byte{0x0b, 0xad, 0xca, 0xfe}, nil
	}}), nil
}

func portOf(l net.Listener) string { return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) }

// certificates writes an authority and a client's certificate, and returns the
// authority and a server's certificate.
func certificates(dir string) (*x509.CertPool, tls.Certificate, error) {
	none := tls.Certificate{}
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return k
	}
	authorityKey, authority := key(), &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	pool := x509.NewCertPool()
	files := map[string][]byte{}
	sign := func(name string, k *ecdsa.PrivateKey, c *x509.Certificate) ([]byte, error) {
		der, err := x509.CreateCertificate(rand.Reader, c, authority, k.Public(), authorityKey)
		if err != nil {
			return nil, err
		}
		keyDER, err := x509.MarshalPKCS8PrivateKey(k)
		files[name+".crt"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		files[name+".key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
		return der, err
	}
	if _, err := sign("ca", authorityKey, authority); err != nil {
		return nil, none, err
	}
	pool.AppendCertsFromPEM(files["ca.crt"])
	serverKey := key()
	server, err := sign("server", serverKey, &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)})
	if err != nil {
		return nil, none, err
	}
	if _, err := sign("client", key(), &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return nil, none, err
	}
	files["cas/ca.pem"] = files["ca.crt"]
	if err := os.Mkdir(filepath.Join(dir, "cas"), 0o700); err != nil {
		return nil, none, err
	}
	for name := range maps.Keys(files) {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], fs.FileMode(0o600)); err != nil {
			return nil, none, err
		}
	}
	return pool, tls.Certificate{Certificate: [][]byte{server}, PrivateKey: serverKey}, nil
}

// serveProxy is a SOCKS5 proxy that wants a user name and a password.
func serveProxy(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			if err := passThrough(c); err != nil {
				return
			}
		}()
	}
}

func passThrough(c net.Conn) error {
	read := func(n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(c, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	read(int(read(2)[1]))
	c.Write([]byte{5, 2})
	user := read(int(read(2)[1]))
	password := read(int(read(1)[0]))
	if !bytes.Equal(user, []byte("me")) || !bytes.Equal(password, []byte("secret")) {
		_, err := c.Write([]byte{1, 1})
		return err
	}
	c.Write([]byte{1, 0})
	host := read(int(read(5)[4]))
	port := read(2)
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", net.JoinHostPort(string(host), strconv.Itoa(int(port[0])<<8|int(port[1]))))
	if err != nil {
		return err
	}
	defer server.Close()
	c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	go io.Copy(server, c)
	_, err = io.Copy(c, server)
	return err
}
