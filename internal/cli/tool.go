package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/packet"
)

// Exit statuses of Mosquitto's tools that are not reason codes.
const (
	statusError       = 1
	statusProtocol    = 2
	statusLost        = 7
	statusQoS         = 24
	statusTooLarge    = 25
	statusTimeout     = 27
	statusInterrupted = 130 // as a shell says it of a program that SIGINT ended
)

// farewell is how long a tool that was interrupted stays to say goodbye.
const farewell = time.Second

// A tool is what pub and sub have in common.
type tool struct {
	env     Env
	options *toolOptions
	out     *output
	client  *client.Client
}

// newTool reads the command line. Without a tool the exit status says how that
// ended.
func newTool(env Env, kind tools, args []string) (*tool, int) {
	o := newToolOptions()
	table := toolTable(o, kind)
	err := table.Parse(args)
	if err == nil {
		err = o.check(kind)
	}
	if status, done := parsed(env, table, err, statusError); done {
		return nil, status
	}
	t := &tool{env: env, options: o, out: newOutput(env.Stdout)}
	if o.quiet {
		t.env.Stderr = io.Discard
	}
	return t, 0
}

// clientOptions are the options of the engine that the command line says.
func (t *tool) clientOptions() client.Options {
	o := client.Options{
		Address:     net.JoinHostPort(t.options.host, strconv.Itoa(t.options.port)),
		Connect:     t.options.connect,
		MaxInflight: t.options.maxInflight,
	}
	if t.env.Dial != nil {
		o.Dial = func(ctx context.Context) (net.Conn, error) { return t.env.Dial(ctx, "tcp", o.Address) }
	}
	if t.options.debug {
		o.Trace = newTracer(t.out, o.Connect.ClientID).trace
	}
	return o
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
func (t *tool) disconnect(ctx context.Context) error {
	err := t.client.Disconnect(ctx, &packet.Disconnect{})
	t.out.flush()
	return err
}

// interrupted ends the connection at once, though properly.
func (t *tool) interrupted() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = t.disconnect(ctx) // there is nobody left to hear of an error
}

// fail says why a tool ends and returns its exit status.
func (t *tool) fail(err error) int {
	t.out.flush()
	text, status := explain(err, t.options.connect.Version)
	say(t.env.Stderr, "%s\n", text)
	return status
}

// explain is what Mosquitto's tools say of an error, and their exit status.
func explain(err error, v packet.Version) (text string, status int) {
	var (
		refused *client.ConnackError
		lookup  *net.DNSError
		errno   syscall.Errno
		code    packet.ReasonCode
	)
	switch {
	case errors.As(err, &refused) && v == packet.V5:
		text = "Connection error: " + reasonText(refused.Connack.ReasonCode)
		if refused.Connack.ReasonString != "" {
			text += " (" + refused.Connack.ReasonString + ")"
		}
		return text, int(refused.Connack.ReasonCode)
	case errors.As(err, &refused):
		n := refused.Connack.ReasonCode.ReturnCode()
		return "Connection error: Connection Refused: " + returnTexts[n], int(n)
	case errors.As(err, &lookup):
		return fmt.Sprintf("Unable to connect (Lookup error.): no address for host '%s'.", lookup.Name), statusError
	case errors.As(err, &code) && code == packet.QoSNotSupported:
		return "Error: Message QoS not supported on broker, try a lower QoS.", statusQoS
	case errors.As(err, &code) && code == packet.PacketTooLarge:
		return "Error: Message is too large: " + err.Error() + ".", statusTooLarge
	case errors.As(err, &code) && code.Failed():
		return "Error: " + capital(err.Error()) + ".", codeStatus(code, v)
	case errors.Is(err, context.DeadlineExceeded):
		return "Error: Connection timed out", statusError
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "Error: The connection was lost.", statusLost
	case errors.As(err, &errno):
		return "Error: " + capital(errno.Error()), statusError
	default:
		return "Error: " + capital(err.Error()), statusError
	}
}

// codeStatus is the exit status for a reason code that is not of a CONNACK.
func codeStatus(code packet.ReasonCode, v packet.Version) int {
	if v != packet.V5 {
		return statusProtocol // it is our own finding
	}
	return int(code)
}

// returnTexts are Mosquitto's words for the return codes of MQTT 3.x.
var returnTexts = [...]string{
	"success.", "unacceptable protocol version.", "identifier rejected.",
	"broker unavailable.", "bad user name or password.", "not authorised.",
}

// reasonText is Mosquitto's word for a reason code.
func reasonText(code packet.ReasonCode) string {
	if code == packet.BadUserNameOrPassword {
		return "Bad username or password"
	}
	return capital(code.String())
}

// capital makes the beginning of a sentence of s.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
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
