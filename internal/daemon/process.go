package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/listen"
	"github.com/zancudomq/zancudo/internal/logs"
	"github.com/zancudomq/zancudo/internal/service"
	"github.com/zancudomq/zancudo/packet"
)

// Process is what the program is to the system that runs it. The zero value is
// a program that nobody has to know of, as in a test.
type Process struct {
	manager service.Notifier
	sockets *listen.Inherited
	parent  *service.Parent // waits until we serve; nil: nobody does
	own     bool            // the process is ours to change

	pidFile  *service.PIDFile
	identity *service.Identity // who it has become; nil: it is who it was
	watch    context.CancelFunc
	watching sync.WaitGroup
}

// NewProcess takes over what the system has handed to this process. It must be
// called once, before any file is opened.
func NewProcess() (*Process, error) {
	sockets, err := listen.Inherit()
	if err != nil {
		return nil, err
	}
	return &Process{manager: *service.NewNotifier(), sockets: sockets, parent: service.InBackground(), own: true}, nil
}

// InBackground reports whether this process was started for the background, by
// another that waits until it serves.
func (p *Process) InBackground() bool { return p.parent != nil }

// settle makes the process what c asks for. Rights are given up before anything
// is opened, but for the PID file, which lies where only an administrator may
// write.
func (p *Process) settle(c *config.Config) error {
	if !p.own {
		return nil
	}
	if mask := os.Getenv("UMASK_SET"); mask != "" {
		if err := service.SetUmask(mask); err != nil {
			return err
		}
	}
	var err error
	if c.PIDFile != "" {
		if p.pidFile, err = service.WritePIDFile(c.PIDFile); err != nil {
			return err
		}
	}
	o := service.IdentityOptions{User: c.User, UID: os.Getenv("PUID"), GID: os.Getenv("PGID")}
	if c.File == "" && c.Persistence { // nobody has made a place for it
		o.StateDir = c.PersistenceLocation
	}
	p.identity, err = service.DropPrivileges(o)
	return err
}

// introduce logs who the process is, and what it was handed for nothing.
func (p *Process) introduce(logger *slog.Logger) {
	switch {
	case !p.own:
	case p.identity != nil:
		logger.Log(context.Background(), logs.LevelInformation, "privileges dropped", "identity", p.identity.String())
	case os.Geteuid() == 0:
		logger.Warn("running as root")
	}
	for _, told := range p.sockets.Unwanted() {
		logger.Warn("socket of systemd not used", "text", told)
	}
}

// serving tells everybody who waits for it that the broker serves, and begins
// to feed the watchdog.
func (p *Process) serving(b *broker.Broker, c *config.Config, logger *slog.Logger) {
	if p.parent != nil {
		tell(logger, p.manager.MainPID(os.Getpid()))
	}
	tell(logger, p.manager.Ready(serves(c)))
	if p.parent != nil {
		tell(logger, p.parent.Ready())
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.watch = cancel
	p.watching.Go(func() {
		p.manager.Watch(ctx, func(ctx context.Context) error { return selfTest(ctx, b) }, func(err error) {
			logger.Error("self-test failed", "err", err)
		})
	})
}

// reloading tells the manager that the configuration is being read again;
// reloaded must follow.
func (p *Process) reloading(logger *slog.Logger) { tell(logger, p.manager.Reloading()) }

// reloaded tells the manager that the configuration c is in force.
func (p *Process) reloaded(c *config.Config, logger *slog.Logger) {
	tell(logger, p.manager.Ready(serves(c)))
}

// stopping tells the manager that the broker has begun to end.
func (p *Process) stopping(logger *slog.Logger) {
	tell(logger, p.manager.Stopping())
	tell(logger, p.manager.ExtendTimeout(2*shutdownLimit))
}

// Failed tells the manager why the program ends, so that its status says more
// than an exit code. What is printed is not its business.
func (p *Process) Failed(err error) {
	var number syscall.Errno
	_ = errors.As(err, &number)                    // most are not of the system
	_ = p.manager.Failed(err.Error(), int(number)) // the same is printed
}

// leave ends what was begun.
func (p *Process) leave() {
	if p.watch != nil {
		p.watch()
		p.watching.Wait()
	}
	if p.pidFile != nil {
		_ = p.pidFile.Remove() // the directory may be another user's now; the next start finds it stale
	}
}

func tell(logger *slog.Logger, err error) {
	if err != nil {
		logger.Warn("service manager not told", "err", err)
	}
}

// serves says where the broker is found.
func serves(c *config.Config) string {
	places := make([]string, len(c.Listeners))
	for i, l := range c.Listeners {
		places[i] = l.String()
	}
	return "Serving on " + strings.Join(places, ", ")
}

// selfTestTopic is a topic of nobody: it begins with $, so that no wildcard of
// a client matches it.
const selfTestTopic = "$zancudo/self-test"

// selfTest sends a message through the broker. That it arrives shows more than
// that the process runs.
func selfTest(ctx context.Context, b *broker.Broker) error {
	arrived := make(chan struct{}, 1)
	stop, err := b.Subscribe(selfTestTopic, func(*packet.Message) {
		select {
		case arrived <- struct{}{}:
		default: // one is enough
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	if err := b.Publish(&packet.Message{Topic: selfTestTopic}); err != nil {
		return err
	}
	select {
	case <-arrived:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("a message does not arrive: %w", ctx.Err())
	}
}
