package daemon

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/listen"
	"github.com/zancudomq/zancudo/internal/logs"
	"github.com/zancudomq/zancudo/internal/service"
)

// Options say what to run.
type Options struct {
	Config  *config.Config
	Version string // of this program, as "zancudo version 1.2.3"
	Stdout  io.Writer
	Stderr  io.Writer
	// Process is what the program is to the system that runs it; nil: nothing.
	Process *Process
}

// shutdownLimit is how long clients may take to read the last packets.
const shutdownLimit = 5 * time.Second

// Run serves until ctx is done, or until no listener is left, which is an
// error. An error in the configuration is a *config.Problem, or config.Problems.
func Run(ctx context.Context, o Options) error {
	ignoreBrokenPipes()
	saveMemory()
	options, err := translate(o.Config)
	if err != nil {
		return err
	}
	process := cmp.Or(o.Process, &Process{})
	defer process.leave()
	if err := process.settle(o.Config); err != nil {
		return err
	}
	log, err := o.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	logger := log.Logger()
	options.Logger, options.Trace = logger, trace(o.Config, log)
	logger.Log(ctx, logs.LevelInformation, "broker starting", "version", o.Version)
	logger.Log(ctx, logs.LevelInformation, "configuration loaded", "file", o.Config.File)
	for _, w := range o.Config.Warnings {
		logger.Warn("configuration warning", "text", w.Sentence())
	}
	listeners, err := open(ctx, o.Config, process.sockets, logger)
	if err != nil {
		return err
	}
	if files := listen.MaxFiles(); files > 0 {
		logger.Log(ctx, logs.LevelInformation, "open files limited", "files", files)
	}
	process.introduce(logger)
	b := broker.New(options)
	log.PublishTo(b.Publish)
	defer obeyRequests(map[service.Request]func(){
		service.Reload: func() {
			process.reloading(logger)
			logger.Warn("signal passed over", "signal", "hangup")
			process.reloaded(o.Config, logger)
		},
		service.RotateLog: func() { reopen(log, logger) },
		service.Save:      func() { logger.Info("nothing to save") },
		service.PrintTree: func() { printTree(b, logger) },
		service.Report:    func() { report(b, logger) },
	})()
	ended := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { ended <- b.Serve(l) }()
	}
	logger.Log(ctx, logs.LevelInformation, "broker running", "version", o.Version)
	log.Flush() // who has started us for the background wants to see it
	process.serving(b, o.Config, logger)
	err = wait(ctx, ended, len(listeners), logger)
	logger.Log(ctx, logs.LevelInformation, "broker terminating", "version", o.Version)
	process.stopping(logger)

	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownLimit)
	defer cancel()
	if slow := b.Shutdown(bounded); slow != nil {
		logger.Warn("clients cut off at shutdown", "err", slow)
	}
	return err
}

// saveMemory has garbage collected when the heap has grown by half instead of to
// twice its size: handling messages leaves little garbage, and idle clients are
// what the memory is for. The environment's GOGC is obeyed.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// Check reports whether c could be served, without opening anything.
func Check(c *config.Config) error {
	_, err := translate(c)
	return err
}

// wait returns when ctx is done, or when the last of n listeners has failed.
func wait(ctx context.Context, ended <-chan error, n int, logger *slog.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			logger.Error("listener failed", "err", err)
			if n--; n == 0 {
				return fmt.Errorf("no listener is left: %w", err)
			}
		}
	}
}

// open opens the listeners of c, all or none.
func open(ctx context.Context, c *config.Config, inherited *listen.Inherited, logger *slog.Logger) (all []net.Listener, err error) {
	defer func() {
		if err != nil {
			for _, l := range all {
				_ = l.Close() // what failed is told already
			}
		}
	}()
	for _, l := range c.Listeners {
		some, err := openSockets(ctx, c, l, inherited, logger)
		if err != nil {
			return all, err
		}
		all = append(all, some...)
		announce(c, l, some, logger)
	}
	return all, nil
}

// announce logs where l listens.
func announce(c *config.Config, l *config.Listener, opened []net.Listener, logger *slog.Logger) {
	for _, one := range opened {
		logger.Log(context.Background(), logs.LevelInformation, "listener opened", "listener", one.Addr().String(), "protocol", l.Protocol)
	}
	switch {
	case c.LocalOnly:
		logger.Info("open to this machine only", "port", opened[0].Addr().(*net.TCPAddr).Port)
	case c.AnonymousOn(l):
		logger.Info("open to everybody", "listener", opened[0].Addr().String())
	}
}
