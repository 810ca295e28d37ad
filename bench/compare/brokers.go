package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// broker is one that is compared.
type broker struct {
	name    string
	version string
	// command starts it in the foreground, listening on 127.0.0.1:port; dir is
	// its own.
	command func(dir string, port int, l load) (*exec.Cmd, error)
	// volatile says that it is not measured with what a disk keeps.
	volatile bool
}

// conf is the configuration of Mosquitto and Zancudo: limits lifted that would
// drop or throttle a benchmark's messages; all else is default.
const conf = `listener %d 127.0.0.1
allow_anonymous true
log_type error
max_inflight_messages 0
max_queued_messages 0
set_tcp_nodelay true
`

// durable has what is persistent kept in a directory. To Mosquitto that means a
// snapshot every half hour and at the end, to Zancudo that nothing is
// acknowledged before it is on the disk.
const durable = `persistence true
persistence_location %s/
user root
`

func configured(program string, args ...string) func(dir string, port int, l load) (*exec.Cmd, error) {
	return func(dir string, port int, l load) (*exec.Cmd, error) {
		file := filepath.Join(dir, "broker.conf")
		text := fmt.Appendf(nil, conf, port)
		if l.durable {
			text = fmt.Appendf(text, durable, dir)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return nil, err
		}
		return exec.Command(program, append(args, "-c", file)...), nil
	}
}

func mosquitto(program string) broker {
	out, _ := exec.Command(program, "-h").Output() // its status is 3, whatever it says
	line, _, _ := strings.Cut(string(out), "\n")
	return broker{name: "Mosquitto", version: strings.TrimPrefix(line, "mosquitto version "), command: configured(program)}
}

// zancudo is the program built from a revision.
func zancudo(program, revision string) broker {
	out, _ := exec.Command(program, "--version").Output()
	line, _, _ := strings.Cut(string(out), "\n")
	version := strings.TrimPrefix(line, "zancudo version ")
	return broker{name: "Zancudo", version: strings.TrimSpace(version + " " + revision), command: configured(program, "run")}
}

func mochi(program, version string) broker {
	version = strings.TrimPrefix(version, "v")
	return broker{name: "mochi", version: version, volatile: true, command: func(_ string, port int, _ load) (*exec.Cmd, error) {
		return exec.Command(program, fmt.Sprintf("127.0.0.1:%d", port)), nil
	}}
}

// process is a broker that runs.
type process struct {
	cmd    *exec.Cmd
	dir    string
	port   int
	stderr bytes.Buffer
	done   chan struct{} // closed when it has ended
}

// startTime is how long a broker may take until it accepts connections.
const startTime = 30 * time.Second

// start runs a broker on a free port, in a directory of its own, and waits until
// it accepts connections.
func start(ctx context.Context, b broker, l load) (*process, error) {
	dir, err := os.MkdirTemp("", "compare-")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // a broker may drop its privileges
		return nil, err
	}
	p := &process{dir: dir}
	if p.port, err = freePort(); err == nil {
		err = p.run(ctx, b, l)
	}
	if err != nil {
		p.remove()
		return nil, err
	}
	return p, nil
}

// run starts the program.
func (p *process) run(ctx context.Context, b broker, l load) (err error) {
	if p.cmd, err = b.command(p.dir, p.port, l); err != nil {
		return err
	}
	p.done = make(chan struct{})
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, &p.stderr, &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is ours to handle
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", b.name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended does not matter, only that it did
		close(p.done)
	}()
	if err := p.await(ctx); err != nil {
		p.stop()
		return fmt.Errorf("start %s: %w: %s", b.name, err, strings.TrimSpace(p.stderr.String()))
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (p *process) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port))
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.done:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// stop ends the broker, if need be by force.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(time.Minute): // it may have much to write
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// remove removes its directory.
func (p *process) remove() { _ = os.RemoveAll(p.dir) }
