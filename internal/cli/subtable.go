package cli

import (
	"fmt"
	"math"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// subOptions is what the command line of sub says.
type subOptions struct {
	connection
	printing
	filters      []string // -t
	unsubscribe  []string // -U
	filterOut    []string // -T
	qos          packet.QoS
	count        int // zero: no end
	exitAfterSub bool
	retainedOnly bool
	removes      bool    // --remove-retained
	chance       float64 // of a message to be printed, in per cent
	rate         bool
	tree         bool
}

func newSubOptions() *subOptions {
	o := &subOptions{connection: newConnection(), chance: 100}
	o.urlTopic = o.addFilter
	return o
}

func (o *subOptions) table() *flags.Command {
	return &flags.Command{
		Name: "sub", Summary: "subscribe to topics and print the messages", Usage: []string{
			"{-t topic | -U topic} ... [flags]",
			"-L URL [-t topic ...] [flags]",
		},
		Groups: append([]flags.Group{
			{Title: "Subscription", Flags: o.subscriptionFlags()},
			{Title: "Output", Flags: append(o.printingFlags(), o.outputFlags()...)},
		}, o.groups()...),
		Sections: append([]flags.Section{toolStatus}, append(formatSections(), optionsFileSection("sub"))...),
		Examples: []flags.Example{
			{Line: "zancudo sub -t 'sensor/#' -v", Text: "print messages with their topics"},
			{Line: "zancudo sub -t 'sensor/#' --json | jq -r .payload", Text: "print messages as JSON, for jq"},
			{Line: "zancudo sub -t '#' --tree", Text: "look at all topics, as a tree that changes"},
			{Line: "zancudo sub -t status -C 1 -W 5", Text: "wait at most 5 seconds for one message"},
			{Line: "zancudo sub -t 'old/#' --remove-retained --retained-only -W 2", Text: "remove retained messages"},
			{Line: "zancudo sub -t '#' -F '@H:@M:@S.@N %t %x'", Text: "print the time, the topic and the payload in hexadecimal"},
		},
	}
}

func (o *subOptions) subscriptionFlags() []flags.Flag {
	return []flags.Flag{
		{Names: "-t, --topic", Value: "topic", Help: "to subscribe to; may be repeated", Set: flags.With(func(v string) error { return o.addFilter(v, "-t") })},
		{
			Names: "-T, --filter-out", Value: "topic filter", Help: "print nothing of these topics; may be repeated",
			Set: flags.With(func(v string) error {
				o.filterOut = append(o.filterOut, v)
				return checkTopic(v, "filter", "-T", topic.ValidateFilter)
			}),
		},
		{
			Names: "-U, --unsubscribe", Value: "unsubscribe topic", Help: "to unsubscribe from; may be repeated",
			Set: flags.With(func(v string) error {
				o.unsubscribe = append(o.unsubscribe, v)
				return checkTopic(v, "unsubscribe", "-U", topic.ValidateFilter)
			}),
		},
		qosFlag(&o.qos),
		{Names: "-C", Value: "count", Help: "end after so many messages", Invalid: `Invalid message count "%s".`, Set: flags.Int(&o.count, 1, math.MaxInt32)},
		{Names: "-E", Help: "end when the broker has acknowledged the subscriptions", Set: flags.True(&o.exitAfterSub)},
		{Names: "--retained-only", Help: "end at the first message that was not retained", Set: flags.True(&o.retainedOnly)},
		{Names: "--remove-retained", Help: "remove retained messages from the broker, once printed", Set: flags.True(&o.removes)},
	}
}

func (o *subOptions) outputFlags() []flags.Flag {
	return []flags.Flag{
		{Names: "--json", Help: "print each message as a line of JSON; the same as -F %j", Set: flags.True(&o.json)},
		{
			Names: "--random-filter", Value: "chance", Help: "print about so many per cent of the messages",
			Invalid: "--random-filter chance must be between 0.1-100.0", Set: flags.Float(&o.chance, 0.1, 100),
		},
		{Names: "--message-rate", Help: "print how many messages come in each second, and not the messages", Set: flags.True(&o.rate)},
		{
			Names: "--tree", Help: "show the topics as a tree, with their last messages, rates and ages", Set: flags.True(&o.tree),
			More: "The tree is drawn in a terminal and changes as messages come. Arrows or j and k move, space folds, / looks for topics, p pauses and q quits. Without a terminal it is printed at the end, after -C messages or -W seconds.",
		},
		{Names: "-w, --watch", Help: "print each topic in a line of its own that changes", Set: flags.True(&o.watch)},
	}
}

func (o *subOptions) addFilter(v, flag string) error {
	o.filters = append(o.filters, v)
	return checkTopic(v, "subscription", flag, topic.ValidateFilter)
}

// check completes the options once all flags are known.
func (o *subOptions) check() error {
	if err := o.connection.check(); err != nil {
		return err
	}
	switch {
	case len(o.filters) == 0 && len(o.unsubscribe) == 0:
		return flags.Errorf("You must specify a topic to subscribe to (-t) or unsubscribe from (-U).")
	case o.noRetained && o.retainedOnly:
		return settingError("Combining '-R' and '--retained-only' makes no sense.")
	}
	if other := o.besidesTree(); o.tree && other != "" {
		return settingError(fmt.Sprintf("Combining '--tree' and '%s' makes no sense.", other))
	}
	o.limit(o.count)
	return nil
}

// besidesTree is a flag that says otherwise how to print; empty: there is none.
func (o *subOptions) besidesTree() string {
	for _, flag := range []struct {
		name  string
		given bool
	}{
		{"-F", o.hasFormat},
		{"--json", o.json},
		{"-v", o.verbose},
		{"-N", o.noNewline},
		{"-w", o.watch},
		{"--message-rate", o.rate},
		{"-d", o.debug},
	} {
		if flag.given {
			return flag.name
		}
	}
	return ""
}

// limit keeps a broker from sending more than so many messages, in vain.
func (c *connection) limit(count int) {
	if 0 < count && count < 20 && !c.properties.has("connect", "receive-maximum") {
		c.connect.ReceiveMaximum = uint16(count)
	}
}
