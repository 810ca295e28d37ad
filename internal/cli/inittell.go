package cli

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/daemon"
)

// verify says what is wrong with a configuration that was kept.
func (r *initRun) verify() error {
	if !r.kept {
		return nil
	}
	_, problems := daemon.Diagnose(r.path(initConf), nil)
	for _, p := range problems {
		say(r.env.Stderr, "%s\n", p.Error())
	}
	return nil
}

// entry is a way into the broker, for who is told of it.
type entry struct {
	port      int
	tls       bool
	needsCert bool
	local     bool
}

// entries are the listeners of the configuration as it is, which may have been
// kept.
func (r *initRun) entries() (network, local *entry, err error) {
	c, err := daemon.Load(r.path(initConf), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration: %w", err)
	}
	for _, l := range c.Listeners {
		if l.Port == 0 || l.Protocol != "" && l.Protocol != "mqtt" {
			continue
		}
		e := &entry{port: l.Port, tls: l.TLS.CertFile != "", needsCert: l.TLS.RequireCertificate, local: isLocal(c, l)}
		if !e.local && (network == nil || e.tls && !network.tls) {
			network = e
		}
		if e.local && local == nil {
			local = e
		}
	}
	return network, local, nil
}

func isLocal(c *config.Config, l *config.Listener) bool {
	ip, err := netip.ParseAddr(l.Address)
	return c.LocalOnly || l.Address == "localhost" || err == nil && ip.IsLoopback()
}

// client is the command line of a client to one of the listeners, without its
// program, topic and message.
func (r *initRun) client(e *entry, host, files string) string {
	words := []string{"-h", host}
	if e.port != defaultPort {
		words = append(words, "-p", strconv.Itoa(e.port))
	}
	if e.tls {
		words = append(words, "--cafile", quoted(filepath.Join(files, initCA)))
	}
	if e.needsCert {
		dir := files
		if files != "" {
			dir = filepath.Join(r.pkiDir(), "clients")
		}
		words = append(words, "--cert", quoted(filepath.Join(dir, r.user+".crt")), "--key", quoted(filepath.Join(dir, r.user+".key")))
		return strings.Join(words, " ")
	}
	return strings.Join(append(words, "-u", quoted(r.user), "-P", cmp.Or(r.password, "PASSWORD")), " ")
}

// tell says what was made and what works next.
func (r *initRun) tell() error {
	out := r.env.Stdout
	say(out, "Ready, in %s:\n\n", r.confDir)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, m := range r.done {
		say(w, "  %s\t%s\n", m.path, m.text)
	}
	_ = w.Flush() // nobody may be there to read it
	if r.password != "" {
		say(out, "\n  User      %s\n  Password  %s\n\nThe password is shown this once: only its hash is kept.\n", r.user, r.password)
	} else {
		say(out, "\nUser %s has the password from before. A new one:  zancudo passwd -H argon2id %s %s\n", r.user, quoted(r.path(initUsers)), quoted(r.user))
	}
	network, local, err := r.entries()
	if err != nil {
		return err
	}
	if !r.serving() {
		r.warnTaken(network, local)
	}
	say(out, "\nStart the broker:\n\n  %s\n", r.startLine())
	topic := quoted(r.user + "/hello")
	both := func(title string, e *entry, host, files string) {
		flags := r.client(e, host, files)
		say(out, "\n%s\n\n  mosquitto_sub %s -t %s -v\n  mosquitto_pub %s -t %s -m hello\n", title, flags, topic, flags, topic)
	}
	if network != nil {
		both("On this machine, with TLS, in two other terminals (zancudo sub and zancudo pub take the same flags):", network, "localhost", r.confDir)
	}
	if local != nil {
		both("Or without:", local, "localhost", r.confDir)
	}
	if network != nil {
		r.tellOthers(network, topic)
	}
	say(out, "\nThen:\n\n  zancudo passwd -H argon2id %s NAME   another user; then zancudo reload\n  zancudo certs client NAME -d %s -f zip   a certificate for a phone\n"+
		"  zancudo doctor localhost:%d --cafile %s   when something does not work\n",
		quoted(r.path(initUsers)), quoted(r.pkiDir()), cmp.Or(network, local, &entry{port: r.tlsPort}).port, quoted(r.path(initCA)))
	return nil
}

// startLine starts the broker, or again if it runs as a service, with what was made.
func (r *initRun) startLine() string {
	if r.isService() {
		return "systemctl restart zancudo"
	}
	return "zancudo -c " + quoted(r.path(initConf))
}

// isService reports whether what was made is for the service of systemd.
func (r *initRun) isService() bool {
	if _, err := os.Stat("/run/systemd/system"); err != nil || r.confDir != systemConfig {
		return false
	}
	// From a package, or from an administrator.
	return slices.ContainsFunc([]string{"/usr/lib", "/lib", "/etc"}, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "systemd/system/zancudo.service"))
		return err == nil
	})
}

// serving reports whether the service runs: the ports are its own. Its runtime directory is there as long.
func (r *initRun) serving() bool {
	_, err := os.Stat("/run/zancudo")
	return err == nil && r.isService()
}

// tellOthers says how other machines reach the broker, by name and by address.
func (r *initRun) tellOthers(e *entry, topic string) {
	out := r.env.Stdout
	hosts := append([]string{}, r.names...)
	for _, name := range r.machine.Names() {
		if strings.HasSuffix(name, ".local") {
			hosts = append(hosts, name)
			break
		}
	}
	if addresses := r.machine.Network(); len(addresses) > 0 {
		hosts = append(hosts, addresses[0].String())
	}
	if len(hosts) == 0 {
		return
	}
	from := hosts[len(hosts)-1]
	if ip, err := netip.ParseAddr(from); err == nil && ip.Is6() {
		from = "[" + from + "]"
	}
	say(out, "\nOn another machine, after a copy of what it needs, by name or by address:\n\n")
	if e.tls {
		say(out, "  scp %s:%s .\n", from, quoted(r.path(initCA)))
	}
	if e.needsCert {
		say(out, "  scp %s:%s .\n", from, quoted(filepath.Join(r.pkiDir(), "clients", r.user+".*")))
	}
	for _, host := range hosts {
		say(out, "  mosquitto_sub %s -t %s -v\n", r.client(e, host, ""), topic)
	}
}

// warnTaken says which ports somebody else has.
func (r *initRun) warnTaken(entries ...*entry) {
	for _, e := range entries {
		if e == nil {
			continue
		}
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(e.port)))
		if err == nil {
			_ = l.Close() // it was only to be seen whether it can be had
			continue
		}
		say(r.env.Stdout, "\nSomebody listens on port %d already, perhaps a broker that runs: stop it first, as with 'systemctl disable --now mosquitto', or choose another port in the configuration.\n", e.port)
	}
}
