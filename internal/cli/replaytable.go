package cli

import (
	"math"

	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
	"github.com/zancudomq/zancudo/topic"
)

// replayOptions is what the command line of replay says.
type replayOptions struct {
	connection
	file          string
	speed         float64
	fast          bool
	loop, dryRun  bool
	filters       []string // nil: all
	filterOut     []string
	prefix        string
	qos           packet.QoS
	hasQoS        bool
	withoutRetain bool
}

func newReplayOptions() *replayOptions {
	o := &replayOptions{connection: newConnection(), speed: 1}
	o.connect.Version = packet.V5 // for the properties
	o.urlTopic = func(v, _ string) error {
		if v != "" {
			return flags.Errorf("Unexpected topic '%s' in the URL; the recording has the topics, and --topic-prefix puts one before them.", v)
		}
		return nil
	}
	return o
}

func (o *replayOptions) table() *flags.Command {
	return &flags.Command{
		Name: "replay", Summary: "publish a recording again, with its timing", Usage: []string{"[flags] file"},
		Text: "Publishes the messages that record wrote into a file, each as long after the first as it came then. " +
			"It ends when the broker has acknowledged all of them, and says how late it was at most.\n\n" +
			"It talks MQTT 5 unless -V says otherwise.",
		Args: []flags.Arg{{Name: "file", Help: "what record wrote; - is standard input", Set: flags.Given(&o.file), Completes: flags.File}},
		Groups: append([]flags.Group{{Title: "Replay", Flags: []flags.Flag{
			{
				Names: "--speed", Value: "factor", Help: "so many times as fast as recorded (1)", Set: flags.Float(&o.speed, 0.001, 1e6),
				More: "2 is twice as fast, 0.5 takes twice as long.",
			},
			{Names: "--fast", Help: "as fast as the broker takes them, without the timing", Set: flags.True(&o.fast)},
			{Names: "--loop", Help: "begin again at the end, until interrupted", Set: flags.True(&o.loop)},
			{
				Names: "--filter", Value: "topic filter", Help: "only these topics; may be repeated",
				Set: flags.With(func(v string) error {
					o.filters = append(o.filters, v)
					return checkTopic(v, "filter", "--filter", topic.ValidateFilter)
				}),
			},
			filterOutFlag(&o.filterOut, "not these topics; may be repeated"),
			{
				Names: "--topic-prefix", Value: "prefix", Help: "put before each topic, as test/",
				Set: flags.With(func(v string) error {
					o.prefix = v
					return checkTopic(v+"x", "publish", "--topic-prefix", topic.ValidateName)
				}),
			},
			{
				Names: "-q, --qos", Value: "QoS", Help: "quality of service in the place of the recorded one", Choices: []string{"0", "1", "2"},
				Invalid: "Invalid QoS given: %s", Set: flags.With(o.setQoS),
			},
			{Names: "--no-retain", Help: "without the retain flag", Set: flags.True(&o.withoutRetain)},
			{Names: "--dry-run", Help: "publish nothing; say what is in the file", Set: flags.True(&o.dryRun)},
		}}}, o.groups()...),
		Sections: []flags.Section{recordingSection, toolStatus, optionsFileSection("replay")},
		Examples: []flags.Example{
			{Line: "zancudo replay sensors.jsonl", Text: "publish a recording again"},
			{Line: "zancudo replay --speed 10 --loop --topic-prefix test/ sensors.jsonl", Text: "ten times as fast, over and over, below test/"},
			{Line: "zancudo replay --dry-run --filter 'sensor/+/state' sensors.jsonl", Text: "see what would be published"},
		},
	}
}

func (o *replayOptions) setQoS(v string) error {
	o.hasQoS = true
	return flags.Int(&o.qos, 0, 2)([]string{v})
}

// check completes the options once all flags are known.
func (o *replayOptions) check() error {
	if err := o.connection.check(); err != nil {
		return err
	}
	switch {
	case o.loop && o.file == "-":
		return flags.Errorf("--loop needs a file; standard input can be read once only.")
	case o.loop && o.dryRun:
		return flags.Errorf("--loop and --dry-run cannot be used together.")
	}
	if o.fast {
		o.speed = math.Inf(1)
	}
	return nil
}
