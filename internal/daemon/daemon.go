package daemon

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/access"
	"github.com/zancudomq/zancudo/internal/auth"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/listen"
	"github.com/zancudomq/zancudo/internal/logs"
	"github.com/zancudomq/zancudo/internal/metrics"
	"github.com/zancudomq/zancudo/internal/pki"
	"github.com/zancudomq/zancudo/internal/service"
	"github.com/zancudomq/zancudo/internal/store"
)

// Options say what to run.
type Options struct {
	Config *config.Config
	// Reload reads the configuration again, with the command line and the
	// environment that Config came of; nil: it cannot be read again.
	Reload  func() (*config.Config, error)
	Version string // of this program, as "zancudo version 1.2.3"
	Stdout  io.Writer
	Stderr  io.Writer
	// Process is what the program is to the system that runs it; nil: nothing.
	Process *Process
	// RunDir is where commands of this machine find the broker, to ask for a
	// reload; empty: they do not.
	RunDir string
	// KeyLogFile gets what decrypts recorded connections with TLS; empty: nothing
	// does.
	KeyLogFile string
	// RenewInterval is how often the files of TLS are looked at; zero: every 5 s.
	RenewInterval time.Duration
}

// daemon is a running broker, with what the configuration has put around it.
type daemon struct {
	options Options
	process *Process
	log     *logs.Log
	logger  *slog.Logger
	broker  *broker.Broker
	store   *store.Store // nil: what the broker knows ends with it
	sampler *metrics.Sampler
	served  atomic.Pointer[config.Config] // for who may not wait
	// deciding is who decides now, for who may not wait either.
	deciding atomic.Pointer[guards]
	figures  *figures
	watch    *watch
	// verifier outlives reloads, as do the failures it knows of.
	verifier *auth.Verifier
	turns    *listen.Turns // of handshakes
	keyLog   io.Writer     // nil: there is none
	// certificates are when what TLS is made of ends.
	certificates atomic.Pointer[[]metrics.Certificate]
	// clientEnds are of those that clients show.
	clientEnds clientEnds
	// custodian renews our own certificates.
	custodian *custodian
	// failures are sockets that have failed.
	failures chan failure

	mu        sync.Mutex // one change at a time; it guards what follows
	config    *config.Config
	guards    *guards
	entrances []*entrance
	warned    warned
}

// shutdownLimit is how long clients may take to read the last packets.
const shutdownLimit = 5 * time.Second

// Run serves until ctx is done, or until no listener is left, which is an
// error. An error in the configuration is a *config.Problem, or config.Problems.
func Run(ctx context.Context, o Options) error {
	ignoreBrokenPipes()
	saveMemory()
	if err := Check(o.Config); err != nil {
		return err
	}
	process := cmp.Or(o.Process, &Process{})
	defer process.leave()
	console, noConsole := o.openConsole()
	if console != nil {
		defer func() { _ = console.Close() }() // it may be closed already
	}
	if err := process.settle(o.Config); err != nil {
		return err
	}
	log, err := o.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	d := &daemon{options: o, process: process, log: log, logger: log.Logger(), config: o.Config, failures: make(chan failure, 64)}
	d.watch = &watch{denials: access.NewDenials(d.logger)}
	defer d.watch.denials.Close()
	d.turns = listen.NewTurns(2 * runtime.GOMAXPROCS(0))
	closeKeyLog, err := d.openKeyLog()
	if err != nil {
		return err
	}
	defer closeKeyLog()
	if err := d.start(ctx); err != nil {
		if o.logsElsewhere() {
			d.logger.Error("broker not started", "err", err)
		}
		return err
	}
	if process.own { // signals are for a process as a whole
		defer obeyRequests(d.requests(ctx))()
	}
	stopConsole := func() {}
	if console != nil {
		stopConsole = d.serveConsole(console)
	} else if noConsole != nil { // the broker serves as well without
		d.logger.Warn("console not opened", "err", noConsole)
	}
	d.logger.Log(ctx, logs.LevelInformation, "broker running", "version", o.Version)
	log.Flush() // who has started us for the background wants to see it
	process.serving(d.broker, o.Config, d.logger)
	stopCustodian := d.startCustodian(ctx)
	stopRenewing := d.startRenewing(ctx)
	err = d.wait(ctx)
	stopRenewing()
	stopCustodian()
	stopConsole() // or one who reads a backup slowly would hold up the end
	d.stop(ctx)
	return err
}

// Check reports whether c could be served, without opening anything.
func Check(c *config.Config) error {
	if len(c.Refusals) > 0 {
		return c.Refusals
	}
	return nil
}

// start opens everything and lets clients in, or opens nothing.
func (d *daemon) start(ctx context.Context) error {
	c := d.config
	d.logger.Log(ctx, logs.LevelInformation, "broker starting", "version", d.options.Version)
	d.logger.Log(ctx, logs.LevelInformation, "configuration loaded", "file", c.File)
	for _, text := range Warnings(c) {
		d.logger.Warn("configuration warning", "text", text)
	}
	d.served.Store(c)
	d.custodian = &custodian{logger: d.logger, machine: pki.ThisMachine}
	d.custodian.look(time.Now(), c) // before anybody is shown what has ended
	d.verifier = auth.NewVerifier(auth.Options{Logger: d.logger})
	var err error
	if d.guards, err = newGuards(c, d.watch, d.verifier); err != nil {
		return err
	}
	if err = d.addDynamic(d.guards); err != nil {
		return err
	}
	d.deciding.Store(d.guards)
	for _, text := range d.guards.rulesSentences() {
		d.logger.Warn("configuration warning", "text", text)
	}
	if d.store, err = d.openStore(ctx, c); err != nil {
		return err
	}
	d.broker = broker.New(d.brokerOptions(d.guards))
	d.sampler = metrics.NewSampler(metrics.SamplerOptions{
		Broker: d.broker, MostFiles: listen.MaxFiles(), Store: d.storeFigures(), Logins: d.loginFigures, Certificates: d.certificatesNow,
	})
	d.log.PublishTo(d.broker.Publish)
	if err := d.restore(); err != nil {
		d.abandon()
		return err
	}
	for _, l := range c.Listeners {
		e, err := d.enter(ctx, d.guards, l)
		if err != nil {
			d.abandon()
			return err
		}
		d.entrances = append(d.entrances, e)
	}
	if files := listen.MaxFiles(); files > 0 {
		d.logger.Log(ctx, logs.LevelInformation, "open files limited", "files", files)
	}
	d.process.introduce(d.logger)
	d.noteEnds()
	d.publishFigures(c)
	d.publishMode(c)
	for _, e := range d.entrances {
		d.serve(e)
	}
	return nil
}

// brokerOptions are what a configuration says of the broker as a whole, with
// what the daemon gives it.
func (d *daemon) brokerOptions(g *guards) broker.Options {
	c := g.config
	o := brokerOptions(c)
	o.Authorizer = g.general()
	o.ShareOwners = o.ShareOwners || !g.prove()
	o.Logger, o.Trace = d.logger, trace(c, d.log)
	if d.store != nil {
		o.Store = d.store
	}
	if g.dynamic != nil {
		o.Interceptors = append(o.Interceptors, dynamicAPI{d, g.dynamic.security})
	}
	if c.EnableControlAPI {
		o.Interceptors = append(o.Interceptors, controlAPI{d})
	}
	return o
}

// requests are what signals ask for.
func (d *daemon) requests(ctx context.Context) map[service.Request]func() {
	return map[service.Request]func(){
		service.Reload:    func() { _, _ = d.reloadAndTell(ctx) }, // what comes of it is in the log
		service.RotateLog: func() { reopen(d.log, d.logger) },
		service.Save:      func() { d.logger.Info("nothing to save") },
		service.PrintTree: func() { printTree(d.broker, d.logger) },
		service.Report:    func() { report(d.broker, d.logger) },
	}
}

// Warnings are what the reader of a configuration should know, in sentences.
func Warnings(c *config.Config) (all []string) {
	for _, w := range c.Warnings {
		all = append(all, w.Sentence())
	}
	for _, l := range c.Listeners {
		if l.Protocol != httpAPI && closed(c, l) {
			all = append(all, fmt.Sprintf("Nobody can connect to %v: 'allow_anonymous' is false there, and there are no users. Name their file with 'password_file', "+
				"or write 'allow_anonymous true' to let in everybody who can reach it.", l))
		}
	}
	return append(append(all, weakTLS(c)...), exposedUsers(c)...)
}

// wait returns when ctx is done, or no socket is left.
func (d *daemon) wait(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-d.failures:
			if err := d.lost(f); err != nil {
				return err
			}
		}
	}
}

// abandon closes what was opened and never served.
func (d *daemon) abandon() {
	for _, e := range d.entrances {
		e.close()
	}
	_ = d.broker.Close() // it says nothing
	d.closeStore()
}

// stop says goodbye and closes everything.
func (d *daemon) stop(ctx context.Context) {
	d.logger.Log(ctx, logs.LevelInformation, "broker terminating", "version", d.options.Version)
	d.process.stopping(d.logger)
	d.figures.end()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	if slow := d.broker.Shutdown(bounded); slow != nil {
		d.logger.Warn("clients cut off at shutdown", "err", slow)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.entrances {
		e.endAPI()
		e.serving.Wait()
	}
	d.guards.dynamic.stop()
	d.closeStore()
}

// saveMemory has garbage collected when the heap has grown by half instead of to
// twice its size: handling messages leaves little garbage, and idle clients are
// what the memory is for. The environment's GOGC is obeyed.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}
