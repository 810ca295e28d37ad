package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/zancudomq/zancudo/internal/daemon"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/password"
	"github.com/zancudomq/zancudo/internal/pki"
)

// initOptions are what the command line of init says.
type initOptions struct {
	dir         string
	user        string
	names       []string
	plain       bool
	clientCerts bool
	port        int
	tlsPort     int
	serviceUser string
	overwrite   bool
	yes         bool
}

// initTable is the table of flags, bound to o.
func initTable(o *initOptions) *flags.Command {
	return &flags.Command{
		Name: "init", Summary: "set up a safe broker for a network", Usage: []string{"[directory] [flags]"},
		Text: "From nothing to a broker that a network can use: a certificate authority and a certificate for the names and addresses of this machine, a configuration " +
			"with TLS for the network and without for this machine, a first user with a password that is made and shown once, and rules for who may do what. " +
			"At the end it prints how to start the broker, and the commands that subscribe and publish from this and from another machine.\n\n" +
			"At a terminal it asks a few questions, to which flags are the answers. What exists it keeps; interrupted, it can be started again, and goes on.\n\n" +
			"Without a directory everything is in the state directory, $XDG_STATE_HOME/zancudo or ~/.local/state/zancudo; for root, in /etc/zancudo, and what changes in /var/lib/zancudo. " +
			"Started by root, it gives what the broker has to read to the user that it runs as.",
		Args: []flags.Arg{{Name: "directory", Help: "where everything is to be", Optional: true, Completes: flags.Directory, Set: flags.Given(&o.dir)}},
		Groups: []flags.Group{
			{Title: "Broker", Flags: []flags.Flag{
				{Names: "-u, --user", Value: "name", Help: "the first user, who may do everything ($SUDO_USER or $USER)", Set: flags.Given(&o.user)},
				{Names: "-n, --name", Value: "name", Help: "a further name or address that clients use for this machine; may be repeated", Set: flags.Append(&o.names)},
				{
					Names: "--plain", Help: "let in clients without TLS from the network, too, who have to give a password all the same", Set: flags.True(&o.plain),
					More: "Their passwords and messages can be read by whoever is in the network. It is for devices that cannot do better.",
				},
				{
					Names: "--client-certificates", Help: "clients from the network show a certificate instead of a password", Set: flags.True(&o.clientCerts),
					More: "'zancudo certs client' makes them; the first user gets one at once. The name in it is the user name, and those that are revoked are refused.",
				},
				{Names: "-p, --port", Value: "port", Help: "for clients without TLS (1883)", Set: flags.Int(&o.port, 1, 65535)},
				{Names: "--tls-port", Value: "port", Help: "for those with TLS (8883)", Set: flags.Int(&o.tlsPort, 1, 65535)},
				{Names: "--service-user", Value: "name", Help: "for root: whom the broker runs as (zancudo, mosquitto or nobody, the first that exists)", Set: flags.Given(&o.serviceUser)},
			}},
			{Title: "Other", Flags: append([]flags.Flag{
				{Names: "-y, --yes", Help: "ask nothing", Set: flags.True(&o.yes)},
				{
					Names: "--overwrite", Help: "replace the configuration, the users and the rules that are there", Set: flags.True(&o.overwrite),
					More: "The old files are kept with the ending .old. The certificate authority stays in any case, as clients trust it.",
				},
			}, standardFlags()...)},
		},
		Examples: []flags.Example{
			{Line: "zancudo init", Text: "ask what there is to ask"},
			{Line: "sudo zancudo init --yes --name broker.example.org", Text: "a broker for the machine, also by a name of the DNS"},
			{Line: "zancudo init ~/broker --yes --user alice --client-certificates", Text: "all in one directory, with certificates for clients"},
		},
	}
}

// initialize sets up a broker.
func initialize(ctx context.Context, env Env, args []string) int {
	o := &initOptions{}
	table := initTable(o)
	err := table.Parse(args)
	asked := o.user != ""
	if err == nil {
		o.defaults(env)
		err = o.check()
	}
	if status, done := parsed(env, table, err, usageStatus); done {
		return status
	}
	r := &initRun{initOptions: o, env: env}
	err = r.locate()
	if err == nil && !o.yes && isTerminal(env.Stdin) && isTerminal(env.Stdout) {
		err = r.ask(ctx, asked)
	}
	if err == nil {
		err = r.run()
	}
	status := ended(env, err, "Nothing was done.")
	if status == statusError && len(r.done) > 0 {
		say(env.Stderr, "What was made before stays. Start this again when the reason is gone, and it goes on from there.\n")
	}
	return status
}

// defaults fills in what the command line does not say.
func (o *initOptions) defaults(env Env) {
	if o.user == "" {
		o.user = cmp.Or(env.getenv("SUDO_USER"), env.getenv("USER"), env.getenv("LOGNAME"), "admin")
		if o.user == "root" {
			o.user = "admin"
		}
	}
	o.port, o.tlsPort = cmp.Or(o.port, defaultPort), cmp.Or(o.tlsPort, defaultTLSPort)
}

const defaultPort = 1883

func (o *initOptions) check() error {
	if o.port == o.tlsPort {
		return flags.Errorf("--port and --tls-port are both %d.", o.port)
	}
	if err := checkInitUser(o.user); err != nil {
		return flags.Errorf("%s.", capital(strings.TrimSuffix(err.Error(), ".")))
	}
	return nil
}

// checkInitUser says why the first user cannot have a name: it stands in a
// password file, in rules and in a certificate.
func checkInitUser(name string) error {
	if err := password.CheckUser(name); err != nil {
		return err
	}
	return pki.CheckName(name)
}

// initRun is one run of init.
type initRun struct {
	*initOptions
	env      Env
	confDir  string // of the configuration, the users and the rules
	stateDir string // of what the broker writes
	owner    *owner // nil: whoever runs this
	machine  *pki.Machine
	password string // of the first user; empty: it is known already
	kept     bool   // the configuration was there before
	done     []made
}

// made is a file, with what became of it.
type made struct{ path, text string }

func (r *initRun) path(name string) string { return filepath.Join(r.confDir, name) }

// The names of the files.
const (
	initConf     = "zancudo.conf"
	initUsers    = "passwords"
	initRules    = "acl"
	initCA       = "ca.crt"
	initPKI      = "pki"
	initParts    = "conf.d"
	oldEnding    = ".old"
	systemConfig = "/etc/zancudo"
)

// locate finds out where everything is to be, and whose.
func (r *initRun) locate() (err error) {
	if r.dir != "" {
		if r.confDir, err = filepath.Abs(r.dir); err != nil {
			return err
		}
		r.stateDir = r.confDir
	} else {
		if r.stateDir = daemon.StateDir(r.env.Environ, os.Geteuid()); r.stateDir == "" {
			return errors.New("there is no state directory, as the environment has no HOME: name a directory")
		}
		if r.confDir = r.stateDir; os.Geteuid() == 0 {
			r.confDir = systemConfig
		}
	}
	if strings.ContainsAny(r.confDir+r.stateDir, "\n\r") {
		return errors.New("the name of the directory has a line break in it, which no configuration can name")
	}
	if os.Geteuid() == 0 {
		if r.owner, err = findOwner(r.serviceUser); err != nil {
			return err
		}
	}
	r.machine, err = pki.ThisMachine()
	return err
}

func (r *initRun) pkiDir() string { return filepath.Join(r.stateDir, initPKI) }

// run makes what is missing, in an order that leaves nothing half-protected: the
// configuration, without which nothing is served, comes last but for the password,
// which is shown as soon as it is kept.
func (r *initRun) run() error {
	for _, step := range []func() error{r.directories, r.certificates, r.rules, r.configuration, r.users, r.verify} {
		if err := step(); err != nil {
			return err
		}
	}
	return r.tell()
}

// owner is whom the broker runs as.
type owner struct {
	name     string
	uid, gid int
}
