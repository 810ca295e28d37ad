package cli

import (
	"math"
	"time"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// recordOptions is what the command line of record says.
type recordOptions struct {
	connection
	file              string
	filters           []string // -t
	filterOut         []string // -T
	qos               packet.QoS
	noRetained        bool
	count             int           // zero: no end
	duration          time.Duration // zero: no end
	append, overwrite bool
}

func newRecordOptions() *recordOptions {
	o := &recordOptions{connection: newConnection(), qos: packet.ExactlyOnce}
	o.connect.Version = packet.V5 // for the properties
	o.urlTopic = func(v, flag string) error {
		if v == "" {
			return nil
		}
		return o.addFilter(v, flag)
	}
	return o
}

func (o *recordOptions) table() *flags.Command {
	return &flags.Command{
		Name: "record", Summary: "record messages with their timing into a file", Usage: []string{"-t topic [-t topic ...] [flags] file"},
		Text: "Subscribes, and writes each message that comes as a line of JSON, with the time since the beginning. " +
			"It ends when it is interrupted, or after -C messages or -W seconds. The lines are whole whenever it ends, however it ends.\n\n" +
			"It talks MQTT 5 unless -V says otherwise, and keeps the properties and the retain flag as they were published.",
		Args: []flags.Arg{{Name: "file", Help: "where to write; - is standard output", Set: flags.Given(&o.file), Completes: flags.File}},
		Groups: append([]flags.Group{{Title: "Recording", Flags: []flags.Flag{
			{Names: "-t, --topic", Value: "topic", Help: "to subscribe to; may be repeated", Set: flags.With(func(v string) error { return o.addFilter(v, "-t") })},
			filterOutFlag(&o.filterOut, "leave these topics out; may be repeated"),
			{
				Names: "-q, --qos", Value: "QoS", Help: "the highest quality of service to record (2)", Choices: []string{"0", "1", "2"},
				Invalid: "Invalid QoS given: %s", Set: flags.Int(&o.qos, 0, 2),
			},
			{Names: "-R", Help: "leave out what was retained before", Set: flags.True(&o.noRetained)},
			{Names: "-C", Value: "count", Help: "end after so many messages", Invalid: `Invalid message count "%s".`, Set: flags.Int(&o.count, 1, math.MaxInt32)},
			{Names: "-W, --duration", Value: "time", Help: "end after so many seconds, or 5m, or 2h", Set: flags.Duration(&o.duration, time.Millisecond, math.MaxInt64)},
			{Names: "--append", Help: "add to a file that exists", Set: flags.True(&o.append)},
			{Names: "--overwrite", Help: "replace a file that exists", Set: flags.True(&o.overwrite)},
		}}}, o.groups()...),
		Sections: []flags.Section{recordingSection, toolStatus, optionsFileSection("record")},
		Examples: []flags.Example{
			{Line: "zancudo record -t 'sensor/#' -W 10m sensors.jsonl", Text: "record for ten minutes"},
			{Line: "zancudo record -h there -t '#' - | zancudo replay -h here -", Text: "copy what is published from one broker to another"},
			{Line: "jq -r 'select(.topic == \"door\") | .offset' sensors.jsonl", Text: "ask a recording when the door was used"},
		},
	}
}

// recordingSection is the section of the manual on the format.
var recordingSection = flags.Section{Title: "File format", Text: `A recording is text, a JSON object on each line. The first line has the version of the format and the time of the beginning:

 {"recording":1,"start":"2026-06-01T12:00:00Z"}
 {"offset":1.250000,"topic":"lamp/set","qos":1,"retain":false,"payload":"on"}

The offset is in seconds. A payload that is not UTF-8 is in base64, as payload-base64. Properties of MQTT 5 are in properties, by the specification's names. Only the topic is needed in a line that is written by hand; without an offset the message comes together with the one before. Recordings may be put one behind the other, and lines be left out.`}

// filterOutFlag is the flag for topics that are left out.
func filterOutFlag(to *[]string, help string) flags.Flag {
	return flags.Flag{
		Names: "-T, --filter-out", Value: "topic filter", Help: help,
		Set: flags.With(func(v string) error {
			*to = append(*to, v)
			return checkTopic(v, "filter", "-T", topic.ValidateFilter)
		}),
	}
}

func (o *recordOptions) addFilter(v, flag string) error {
	o.filters = append(o.filters, v)
	return checkTopic(v, "subscription", flag, topic.ValidateFilter)
}

// check completes the options once all flags are known.
func (o *recordOptions) check() error {
	if err := o.connection.check(); err != nil {
		return err
	}
	switch {
	case len(o.filters) == 0:
		return flags.Errorf("You must specify a topic to record (-t); '#' is all of them.")
	case o.append && o.overwrite:
		return flags.Errorf("--append and --overwrite cannot be used together.")
	case o.debug && o.file == "-":
		return flags.Errorf("-d cannot be used with -, where the messages go.")
	}
	o.limit(o.count)
	return nil
}

// subscription is one of filter with the options that the flags ask for.
func (o *recordOptions) subscription(filter string) packet.Subscription {
	s := packet.Subscription{Filter: filter, QoS: o.qos, RetainAsPublished: true}
	if o.noRetained {
		s.RetainHandling = packet.DoNotSendRetained
	}
	return s
}
