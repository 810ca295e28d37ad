package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/internal/dial"
	"github.com/zancudomq/zancudo/internal/doctor"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/topic"
	"golang.org/x/term"
)

// doctorOptions is what the command line of doctor says.
type doctorOptions struct {
	connection
	topic    string
	readOnly bool
	timeout  time.Duration
	rounds   int
	json     bool
}

func newDoctorOptions() *doctorOptions {
	o := &doctorOptions{connection: newConnection()}
	o.connect.Version = 0
	o.urlTopic = func(string, string) error { return nil } // an address may end like that of a topic
	return o
}

// table describes the command.
func (o *doctorOptions) table() *flags.Command {
	return &flags.Command{
		Name: "doctor", Summary: "find out why a client does not get on with a broker", Usage: []string{"[flags] [host[:port]]"},
		Text: "It goes the way of a client, a step at a time, to any broker: finds its addresses, connects to each, finds out what speaks there even if it is not what the flags say, " +
			"looks at the certificate, tries each version of MQTT, reads the broker's limits, measures round trips, and publishes a few small messages to a topic that nobody else has. " +
			"Of each step it says what it found and what to do about it.\n\n" +
			"A user name and password are sent only over a connection that has passed the checks that the flags ask for.\n\n" +
			"The exit status is 0 if the broker is usable as the flags say. Otherwise it is that of zancudo pub for the same reason: the reason code of a refused connection, 8 for TLS, " +
			"and 1 for everything else.",
		Args: []flags.Arg{{Name: "host", Help: "the broker: a name or address, with or without a port, or a URL (localhost)", Optional: true, Set: flags.With(o.setAddress)}},
		Groups: []flags.Group{
			{Title: "Broker", Flags: append(o.serverFlags(), o.userFlags()...)},
			{Title: "Examination", Flags: []flags.Flag{
				{Names: "-i, --id", Value: "id", Help: "client identifier (a random one)", Set: flags.With(o.setID), More: "A client that is connected with it loses its connection."},
				{
					Names: "-V, --protocol-version", Value: "version", Help: "of MQTT, to be tried alone: mqttv31, mqttv311 or mqttv5; also 31, 311, 5 (all)",
					Choices: []string{"mqttv5", "mqttv311", "mqttv31", "5", "311", "31"}, Set: flags.With(o.setVersion),
				},
				{Names: "-t, --topic", Value: "topic", Help: "one to publish and subscribe to (one below zancudo/doctor)", Set: flags.With(o.setTopic)},
				{Names: "--read-only", Help: "publish nothing", Set: flags.True(&o.readOnly)},
				{Names: "--timeout", Value: "time", Help: "of each step (5s)", Set: flags.Duration(&o.timeout, 10*time.Millisecond, 10*time.Minute)},
				{Names: "--rounds", Value: "number", Help: "of each kind of round trip (5)", Set: flags.Int(&o.rounds, 1, 1000)},
				{Names: "--json", Help: "print an object for programs", Set: flags.True(&o.json)},
			}},
			{Title: "TLS", Flags: o.tlsFlags()},
			{Title: "Other", Flags: standardFlags()},
		},
		Examples: []flags.Example{
			{Line: "zancudo doctor", Text: "the broker on this machine"},
			{Line: "zancudo doctor broker.example:8883 --cafile ca.crt -u me -P secret", Text: "all the way to one with TLS"},
			{Line: "zancudo doctor --json broker.example | jq -r '.findings[] | select(.level == \"problem\").remedy'", Text: "what to do"},
		},
	}
}

// setAddress takes what people have at hand: host, host:port, an address of
// either family, or a URL.
func (o *doctorOptions) setAddress(v string) error {
	if strings.Contains(v, "://") {
		u, err := dial.ParseURL(v)
		if err != nil {
			return flags.Errorf("Invalid URL. %s.", capital(err.Error()))
		}
		if !u.HasSlash { // -L wants a topic
			v += "/"
		}
		return o.setURL(v)
	}
	host, port, err := net.SplitHostPort(v)
	if err != nil { // no port, or an address of IPv6
		return o.setHost(strings.Trim(v, "[]"))
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return flags.Errorf("Invalid port given: %s. It is a number from 1 to 65535.", port)
	}
	if err := o.setHost(host); err != nil {
		return err
	}
	return o.setPort(port)
}

func (o *doctorOptions) setTopic(v string) error {
	o.topic = v
	return checkTopic(v, "publish", "-t", topic.ValidateName)
}

// examine examines a broker.
func examine(ctx context.Context, env Env, args []string) int {
	o := newDoctorOptions()
	table := o.table()
	err := table.Parse(args)
	if err == nil {
		err = o.checkTLS()
	}
	if status, done := parsed(env, table, err, statusError); done {
		return status
	}
	where, err := o.dial()
	if err != nil {
		text, status := explain(err, o.connect.Version)
		say(env.Stderr, "%s\n", text)
		return status
	}
	show := func(f doctor.Finding) { showFinding(env, f) }
	if o.json {
		show = func(doctor.Finding) {}
	} else {
		say(env.Stdout, "%s\n\n", where.Address())
	}
	report := doctor.Examine(ctx, doctor.Options{
		Where: *where, Connect: o.connect, Topic: o.topic, ReadOnly: o.readOnly, Timeout: o.timeout, Rounds: o.rounds,
	}, show)
	if ctx.Err() != nil {
		return statusInterrupted
	}
	if o.json {
		encoder := json.NewEncoder(env.Stdout)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(jsonReport{OK: report.OK(), Report: report}); err != nil {
			say(env.Stderr, "Error: write the report: %v\n", err)
			return statusError
		}
	} else {
		say(env.Stdout, "\n%s\n", verdict(report))
	}
	return o.status(report)
}

// jsonReport is what doctor prints for programs.
type jsonReport struct {
	OK bool `json:"ok"`
	*doctor.Report
}

// status is the exit status for a report.
func (o *doctorOptions) status(r *doctor.Report) int {
	switch {
	case r.OK():
		return 0
	case r.Err == nil:
		return statusError
	}
	_, status := explain(r.Err, o.connect.Version)
	return status
}

// showFinding prints a finding: in columns, with what is to be done below.
func showFinding(env Env, f doctor.Finding) {
	colours := map[doctor.Level]string{doctor.OK: "\x1b[32m", doctor.Note: "\x1b[33m", doctor.Problem: "\x1b[1;31m"}
	level, check := fmt.Sprintf("%-8s", f.Level), fmt.Sprintf("%-12s", f.Check)
	indent := strings.Repeat(" ", len(level)+len(check))
	room := columns(env.Stdout) - len(indent)
	if env.colourful() {
		level = colours[f.Level] + level + "\x1b[0m"
		check = "\x1b[2m" + check + "\x1b[0m"
	}
	say(env.Stdout, "%s%s%s\n", level, check, fold(f.Text, room, indent))
	if f.Remedy != "" {
		say(env.Stdout, "%s→ %s\n", indent, fold(f.Remedy, room-2, indent+"  "))
	}
}

// columns is how wide the terminal is; 0: w is none.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// leastRoom is the narrowest column that text is folded into.
const leastRoom = 20

// fold breaks a text into lines of at most width columns, each but the first
// behind an indent. Where there is no terminal, or hardly any, it leaves it alone.
func fold(text string, width int, indent string) string {
	if width < leastRoom {
		return text
	}
	var b strings.Builder
	used := 0
	for i, word := range strings.Split(text, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case used+1+n > width:
			b.WriteString("\n" + indent)
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

// verdict is the end of a report.
func verdict(r *doctor.Report) string {
	problems, notes := r.Count(doctor.Problem), r.Count(doctor.Note)
	var parts []string
	if problems > 0 {
		parts = append(parts, count(problems, "problem"))
	}
	if notes > 0 {
		parts = append(parts, count(notes, "note"))
	}
	text := "The broker is usable"
	if !r.OK() {
		text = "The broker is not usable like this"
	}
	if slices.Sort(parts); len(parts) > 0 {
		return text + ": " + strings.Join(parts, ", ") + "."
	}
	return text + "."
}
