package doctor

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/packet"
)

// Options say what to examine. The zero value is a broker on this machine.
type Options struct {
	// Where is the broker and how to get there.
	Where dial.Options
	// Connect is how a client introduces itself; Version zero: all are tried,
	// and the highest that the broker accepts is used.
	Connect packet.Connect
	// Topic is one to publish and subscribe to; empty: one that nobody has.
	Topic string
	// ReadOnly publishes nothing.
	ReadOnly bool
	// Timeout bounds each step; zero: 5 s.
	Timeout time.Duration
	// Rounds are measured of each kind of round trip; zero: 5.
	Rounds int
	// OtherPorts are where to look if nothing listens at the port of Where; nil:
	// the usual ones.
	OtherPorts []int
}

// Defaults of Options.
const (
	DefaultTimeout = 5 * time.Second
	DefaultRounds  = 5
)

// mostSteps bounds an examination, in timeouts.
const mostSteps = 12

// exam is an examination.
type exam struct {
	Options
	show      func(Finding)
	report    *Report
	id        string              // random: no two examinations meet
	host      string              // to be named in a certificate
	anonymous *packet.Connack     // to who gave no name; nil: not known
	connack   *packet.Connack     // of MQTT 5.0; nil: none
	shown     []*x509.Certificate // by the server
	asks      bool                // the server asked for a client certificate
}

// Examine looks at a broker and calls show for each finding as soon as it is
// there. When ctx is done it ends with the error of that.
func Examine(ctx context.Context, o Options, show func(Finding)) *Report {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Rounds == 0 {
		o.Rounds = DefaultRounds
	}
	if o.OtherPorts == nil {
		o.OtherPorts = []int{1883, 8883, 8080, 8081, 8083, 8084, 9001}
	}
	e := &exam{Options: o, show: show, id: strings.ToLower(rand.Text()[:12])}
	e.report = &Report{Address: o.Where.Address(), Findings: []Finding{}}
	bounded, cancel := context.WithTimeout(ctx, mostSteps*o.Timeout)
	defer cancel()
	e.run(bounded)
	switch {
	case ctx.Err() != nil:
		e.report.Err = context.Cause(ctx)
	case bounded.Err() != nil:
		e.fail(ctx, fmt.Errorf("there was no end of it within %s", short(mostSteps*o.Timeout)), CheckConnection, "Give each step more time with --timeout.")
	}
	return e.report
}

// run goes from step to step as far as one leads to the next.
func (e *exam) run(ctx context.Context) {
	if _, err := dial.New(e.Where); err != nil { // what is wrong with the options themselves
		e.fail(ctx, err, CheckAddress, "Check the flags and the files that they name.")
		return
	}
	if !e.reach(ctx) || !e.identify(ctx) || !e.secure(ctx) {
		return
	}
	if accepted := e.login(ctx); len(accepted) > 0 {
		e.use(ctx, accepted[0])
	}
}

// say adds a finding, unless the time is over: what was interrupted found nothing.
func (e *exam) say(ctx context.Context, check string, level Level, text, remedy string) {
	if ctx.Err() != nil {
		return
	}
	if !strings.HasSuffix(text, "?") {
		text += "."
	}
	f := Finding{Check: check, Level: level, Text: capital(text), Remedy: remedy}
	e.report.Findings = append(e.report.Findings, f)
	e.show(f)
}

// fail adds a problem that ends the examination.
func (e *exam) fail(ctx context.Context, err error, check, remedy string) {
	e.say(ctx, check, Problem, err.Error(), remedy)
	e.report.Err = err
}

// opener opens a connection.
type opener func(ctx context.Context) (net.Conn, error)

// opener returns what opens connections as where says, with a bound in time.
func (e *exam) opener(where dial.Options) opener {
	open, err := dial.New(where)
	return func(ctx context.Context) (net.Conn, error) {
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(ctx, e.Timeout)
		defer cancel()
		return open(ctx)
	}
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// list is "a, b and c".
func list(words []string) string { return join(words, " and ") }

func join(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + last + words[len(words)-1]
}

// short is a time for a person.
func short(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
