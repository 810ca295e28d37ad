package cli

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
)

// farewell is how long a tool that was interrupted stays to say goodbye.
const farewell = time.Second

// toolOptions are those of pub, sub or rr.
type toolOptions interface {
	table() *flags.Command
	check() error
	common() *connection
}

func (c *connection) common() *connection { return c }

// readTool reads the options of a tool from its options file and from the
// command line. If that is all there is to do the exit status says how it ended.
// spare are fresh options of the same kind.
func readTool(env Env, o, spare toolOptions, args []string) (status int, done bool) {
	table := o.table()
	err := spare.table().Parse(args) // to find -o
	if errors.Is(err, flags.ErrHelp) || errors.Is(err, flags.ErrVersion) {
		status, done = parsed(env, table, err, statusError)
		if env.mosquitto() {
			status = statusError // as strange as it is
		}
		return status, done
	}
	if err == nil {
		err = readOptionsFile(env, table, spare.common().optionsFile)
	}
	if err == nil {
		o.common().optionsFile = ""
		err = table.Parse(args)
	}
	if err == nil {
		err = o.check()
	}
	var setting settingError
	var whole wholeError
	switch {
	case errors.As(err, &setting):
		say(env.Stderr, "Error: %v\n", err)
		return statusError, true
	case errors.As(err, &whole):
		say(env.Stderr, "%v\n\nUse '%s --help' to see usage.\n", err, env.Program)
		return statusError, true
	}
	return parsed(env, table, err, statusError)
}

// A tool is what pub, sub and rr have in common when they run.
type tool struct {
	env Env
	*connection
	out    *output
	tracer *tracer // nil: none
	client *client.Client
}

// newTool returns a tool that can connect; otherwise it says why not.
func newTool(env Env, c *connection) (*tool, client.Options, error) {
	t := &tool{env: env, connection: c, out: newOutput(env.Stdout)}
	if c.quiet {
		t.env.Stderr = io.Discard
	}
	o := client.Options{Connect: c.connect, MaxInflight: c.maxInflight}
	if c.scram != nil {
		o.Authenticator = c.scram
	}
	where, err := c.dial()
	if err == nil {
		o.Dial, err = t.dialer(where)
	}
	if err != nil {
		t.fail(err)
		return nil, o, err
	}
	if c.debug {
		t.tracer = newTracer(t.out, o.Connect.ClientID)
		o.Trace = t.tracer.trace
	}
	return t, o, nil
}

func (t *tool) dialer(where *dial.Options) (func(ctx context.Context) (net.Conn, error), error) {
	if t.env.Dial != nil {
		return func(ctx context.Context) (net.Conn, error) { return t.env.Dial(ctx, "tcp", where.Address()) }, nil
	}
	return dial.New(*where)
}

// reconnect returns a function for client.Options that says in one line that
// the connection was lost, and lets the client try again unless that is in vain.
func (t *tool) reconnect() func(attempt int, err error) (time.Duration, bool) {
	backoff := client.Backoff(time.Second, 30*time.Second)
	return func(attempt int, err error) (time.Duration, bool) {
		if !transient(err) {
			return 0, false
		}
		if attempt == 0 {
			t.out.flush()
			say(t.env.Stderr, "Warning: %s; connecting again.\n", capital(err.Error()))
		}
		return backoff(attempt, err)
	}
}

// transient reports whether a client may try again after err.
func transient(err error) bool {
	var refused *client.ConnackError
	code := packet.Success
	errors.As(err, &code)
	switch code {
	case packet.ServerUnavailable, packet.ServerBusy, packet.ServerShuttingDown, packet.QuotaExceeded, packet.ConnectionRateExceeded:
		return true
	case packet.SessionTakenOver, packet.UseAnotherServer, packet.ServerMoved: // two clients would take turns for ever
		return false
	default:
		return !errors.As(err, &refused)
	}
}

// disconnect ends the connection properly.
func (t *tool) disconnect(ctx context.Context, code packet.ReasonCode) error {
	p := t.properties.disconnect
	p.ReasonCode = code
	err := t.client.Disconnect(ctx, &p)
	t.out.flush()
	return err
}

// interrupted ends the connection at once, though properly.
func (t *tool) interrupted(code packet.ReasonCode) {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = t.disconnect(ctx, code) // there is nobody left to hear of an error
}

// why prefers the reason of the client's end to an error that follows from it.
func (t *tool) why(err error) error {
	if err == nil {
		return nil
	}
	if end := t.client.Err(); end != nil {
		return end
	}
	return err
}

// fail says why a tool ends and returns its exit status.
func (t *tool) fail(err error) int {
	t.out.flush()
	text, status := explain(err, t.connect.Version)
	say(t.env.Stderr, "%s\n", text)
	return status
}

// randomID is a client identifier, as Mosquitto makes them.
func randomID() string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := []byte("mosq-")
	for range 18 {
		b = append(b, letters[rand.IntN(len(letters))])
	}
	return string(b)
}
