package cli

import (
	"time"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/internal/format"
	"github.com/zancudomq/zancudo/packet"
)

// printing is what sub and rr say about the messages that come in.
type printing struct {
	format             string
	hasFormat          bool
	pretty, json       bool
	watch              bool
	verbose, noNewline bool
	noRetained         bool // -R
	asPublished        bool
	retainHandling     packet.RetainHandling
	timeout            time.Duration // zero: none
}

func (p *printing) printingFlags() []flags.Flag {
	return []flags.Flag{
		{Names: "-v, --verbose", Help: "print the topic before each message", Set: flags.True(&p.verbose)},
		{
			Names: "-F", Value: "format", Help: "how to print a message, as '%t %p'; see FORMAT in the manual", Set: flags.With(p.setFormat),
		},
		{Names: "--pretty", Help: "print the JSON of %j and %J over several lines", Set: flags.True(&p.pretty)},
		{Names: "-N", Help: "no end of line after a message", Set: flags.True(&p.noNewline)},
		{Names: "-R", Help: "leave out messages that were retained", Set: flags.Do(p.setNoRetained)},
		{Names: "--retain-as-published", Help: "keep the retain flag as it was published; MQTT 5", Set: flags.True(&p.asPublished)},
		{
			Names: "--retain-handling", Value: "option", Help: "when the broker sends what is retained: always, new (to a new subscription) or never; MQTT 5",
			Invalid: "Unknown value '%s' for --retain-handling.", Choices: []string{"always", "new", "never"}, Set: flags.With(p.setRetainHandling),
		},
		{
			Names: "-W", Value: "timeout", Help: "end after so many seconds, with status 27", Invalid: `Invalid timeout "%s".`, Set: flags.With(p.setTimeout),
		},
	}
}

func (p *printing) setFormat(v string) error {
	if _, err := format.Parse(v, format.Options{}); err != nil {
		return flags.Errorf("%v The format is %s.", err, v)
	}
	p.format, p.hasFormat = v, true
	return nil
}

func (p *printing) setNoRetained() error {
	p.noRetained, p.retainHandling = true, packet.DoNotSendRetained
	return nil
}

func (p *printing) setRetainHandling(v string) error {
	p.retainHandling = map[string]packet.RetainHandling{
		"always": packet.SendRetained, "new": packet.SendRetainedIfNew, "never": packet.DoNotSendRetained,
	}[v]
	return nil
}

func (p *printing) setTimeout(v string) error {
	var seconds int
	if err := flags.Int(&seconds, 1, 1<<31-1)([]string{v}); err != nil {
		return err
	}
	p.timeout = time.Duration(seconds) * time.Second
	return nil
}

// how is the format that the flags ask for.
func (p *printing) how() (*format.Format, error) {
	o := format.Options{NoNewline: p.noNewline, Pretty: p.pretty}
	switch {
	case p.json:
		return format.Parse("%j", o)
	case p.hasFormat:
		return format.Parse(p.format, o)
	case p.verbose:
		return format.Verbose(o), nil
	}
	return format.Payload(o), nil
}

// subscription is one of filter with the options that the flags ask for.
func (p *printing) subscription(filter string, qos packet.QoS) packet.Subscription {
	return packet.Subscription{Filter: filter, QoS: qos, RetainAsPublished: p.asPublished, RetainHandling: p.retainHandling}
}

// formatSections are those of the manual that tell of -F.
func formatSections() []flags.Section {
	return []flags.Section{{Title: "Format", Text: `A format is text with directives, each a percent sign, perhaps a width and a letter: %[-][0][width][.precision][separator]letter. A minus aligns to the left, a zero fills up with zeros, a precision cuts a text off.

 %%  a percent sign            %p  payload
 %A  topic alias              %P  user properties, as name:value
 %C  content type             %q  QoS
 %D  correlation data         %R  response topic
 %d  payload as a double      %r  retain flag, 0 or 1
 %E  message expiry interval  %S  subscription identifier
 %F  payload format indicator %t  topic
 %f  payload as a float       %U  Unix time with nanoseconds
 %I  time, as ISO 8601        %x  payload in hexadecimal
 %j  all of it, as JSON       %X  the same in capitals
 %J  the same, the payload being JSON itself
 %l  length of the payload    %m  message id

Of %x and %X the precision is the number of digits in a group, and the separator stands between groups: %.2:x.

@X is the X of strftime(3) at the time of receipt, @N its nanoseconds, @@ an at sign. \\ \0 \a \e \n \r \t \v are characters.`}}
}
