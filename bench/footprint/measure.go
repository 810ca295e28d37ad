package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// state is what a broker finds when it starts.
type state struct {
	name     string
	retained int // messages
}

func (s *state) possible(b *broker) bool { return s.retained == 0 || !b.volatile }

// found is what was measured of a broker in a state.
type found struct {
	starts []time.Duration // from exec to CONNACK
	cpu    []time.Duration // of all its threads, from exec to the end
	memory map[string]int  // the kernel's names for its kinds, in kB
}

// startLimit is how long a start may take.
const startLimit = time.Minute

// packets that a client sends, of MQTT 3.1.1, with 60 s of keep alive.
var (
	connect    = []byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01f")
	disconnect = []byte{0xe0, 0x00}
)

// process is a broker that runs.
type process struct {
	cmd    *exec.Cmd
	port   int
	took   time.Duration
	conn   net.Conn // a client that has its CONNACK
	output bytes.Buffer
}

// launch starts a broker and waits until a client has its CONNACK.
func launch(ctx context.Context, b *broker, dir string) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{port: l.Addr().(*net.TCPAddr).Port}
	if err := l.Close(); err != nil {
		return nil, err
	}
	args, err := b.args(dir, p.port)
	if err != nil {
		return nil, err
	}
	p.cmd = exec.CommandContext(ctx, b.program, args...)
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), b.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err := p.await(ctx); err != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait() // what it printed is told
		return nil, fmt.Errorf("%w: %s", err, bytes.TrimSpace(p.output.Bytes()))
	}
	p.took = time.Since(began)
	return p, nil
}

// await tries every half millisecond.
func (p *process) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(500 * time.Microsecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.port)); err == nil {
			p.conn = c
			return p.enter()
		}
		select {
		case <-ctx.Done():
			return errors.New("it does not listen")
		case <-tick.C:
		}
	}
}

// enter has the client connected.
func (p *process) enter() error {
	if err := p.conn.SetDeadline(time.Now().Add(startLimit)); err != nil {
		return err
	}
	if _, err := p.conn.Write(connect); err != nil {
		return err
	}
	answer := make([]byte, 4)
	if _, err := bufio.NewReader(p.conn).Read(answer); err != nil || !bytes.Equal(answer, []byte{0x20, 2, 0, 0}) {
		return fmt.Errorf("the answer to CONNECT is % x, %w", answer, err)
	}
	return nil
}

// leave has the client go, and waits until the broker does nothing.
func (p *process) leave(ctx context.Context, idle time.Duration) error {
	if _, err := p.conn.Write(disconnect); err != nil {
		return err
	}
	if err := p.conn.Close(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idle):
		return nil
	}
}

func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := p.cmd.Wait()
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		return nil // however it ended
	}
	return err
}

// fill makes a state: the broker keeps retained messages.
func (o *options) fill(ctx context.Context, b *broker, s *state) error {
	dir, err := os.MkdirTemp("", "footprint-")
	if err != nil {
		return err
	}
	b.stores[s], b.found[s] = dir, &found{}
	p, err := launch(ctx, b, dir)
	if err != nil {
		return err
	}
	const remaining, name = 2 + 12 + 100, "home/%07d" // 100 bytes of payload
	var packets bytes.Buffer
	for i := range s.retained {
		packets.Write([]byte{0x31, remaining, 0, 12})
		fmt.Fprintf(&packets, name, i)
		packets.Write(bytes.Repeat([]byte("x"), 100))
	}
	packets.Write([]byte{0xc0, 0}) // PINGREQ: the answer comes behind all that
	if _, err := p.conn.Write(packets.Bytes()); err != nil {
		return err
	}
	if _, err := p.conn.Read(make([]byte, 2)); err != nil {
		return err
	}
	if err := p.leave(ctx, 0); err != nil {
		return err
	}
	return p.stop()
}

// start starts a broker once. Its memory is looked at when it has been idle.
func (o *options) start(ctx context.Context, b *broker, s *state, idle time.Duration) error {
	p, err := launch(ctx, b, b.stores[s])
	if err != nil {
		return err
	}
	f := b.found[s]
	f.starts = append(f.starts, p.took)
	err = p.leave(ctx, idle)
	if err == nil && idle > 0 {
		f.memory, err = memory(p.cmd.Process.Pid)
	}
	err = errors.Join(err, p.stop())
	if idle == 0 {
		f.cpu = append(f.cpu, p.cmd.ProcessState.UserTime()+p.cmd.ProcessState.SystemTime())
	}
	return err
}

// memory is that of a process, as the kernel adds it up.
func memory(pid int) (map[string]int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return nil, err
	}
	kinds := make(map[string]int)
	for line := range strings.Lines(string(b)) {
		kind, rest, ok := strings.Cut(line, ":")
		number, unit, kilo := strings.Cut(strings.TrimSpace(rest), " ")
		if n, err := strconv.Atoi(number); ok && kilo && unit == "kB" && err == nil {
			kinds[kind] = n
		}
	}
	for _, kind := range []string{"Rss", "Pss", "Anonymous", "Private_Dirty"} {
		if kinds[kind] == 0 {
			return nil, fmt.Errorf("the kernel does not tell %s of process %d", kind, pid)
		}
	}
	return kinds, nil
}
