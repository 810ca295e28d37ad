package flags_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/internal/flags"
)

// options are what the test's command fills in.
type options struct {
	Host, ID, File string
	Port           int
	QoS            uint8
	Rate           float64
	Wait           time.Duration
	Topics, Rest   []string
	Retain         bool
	Properties     []string
}

// ping is a command with a flag of each sort.
func ping(o *options) *flags.Command {
	return &flags.Command{
		Name: "ping", Summary: "see whether a broker answers",
		Usage: []string{"[flags] [file [rest ...]]", "--help"},
		Text:  "It connects, and says how long that took.\n\n.A line that begins with a dot\\.",
		Args: []flags.Arg{
			{Name: "file", Help: "where to write", Optional: true, Set: flags.Given(&o.File), Completes: flags.File},
			{Name: "rest", Help: "more", Optional: true, Many: true, Set: flags.Append(&o.Rest)},
		},
		Groups: []flags.Group{
			{Title: "Connection", Flags: []flags.Flag{
				{Names: "-h, --host", Value: "host", Help: "the broker (localhost)", Set: flags.Text(&o.Host)},
				{Names: "-p, --port", Value: "port", Help: "its port (1883)", Invalid: "Invalid port given: %s", Set: flags.Int(&o.Port, 1, 65535)},
				{Names: "-I, --id-prefix", Value: "id prefix", Help: "begins the client identifier", Set: flags.With(func(v string) error {
					if v == "me" {
						return flags.Errorf("Nobody is called %s.", v)
					}
					o.ID = v
					return nil
				})},
				{Names: "-q, --qos", Value: "QoS", Help: "quality of service: 0, 1 or 2", Choices: []string{"0", "1", "2"}, Set: flags.Int(&o.QoS, 0, 2)},
				{Names: "--rate", Value: "rate", Help: "messages a second, whose help is so long that it does not fit into one line of eighty", Set: flags.Float(&o.Rate, 0.5, 1e6)},
				{Names: "--property-of-a-connection", Value: "name, value, value2", Help: "a [property]: it's long", More: "user has two values.", Count: func(args []string) int {
					if len(args) > 0 && args[0] == "user" {
						return 3
					}
					return 2
				}, Missing: "not enough arguments for --property.", Set: func(v []string) error {
					o.Properties = append(o.Properties, strings.Join(v, "="))
					return nil
				}},
			}},
			{Flags: []flags.Flag{
				{Names: "-t", Value: "topic", Help: "may be repeated", Set: flags.Append(&o.Topics)},
				{Names: "--retain", Help: "keep it", Set: flags.True(&o.Retain)},
				{Names: "--cold", Help: "old", Hidden: true, Set: flags.To(&o.Host, "cold")},
				{Names: "--wait", Value: "time", Help: "before", Set: flags.Duration(&o.Wait, 0, time.Hour)},
				{Names: "--help", Help: "print this", Set: flags.Help},
				{Names: "--version", Help: "print the version", Set: flags.Version},
			}},
		},
		Sections: []flags.Section{{Title: "Exit status", Text: "0 is well.\n\n  1 is\n  not."}},
		Examples: []flags.Example{{Line: "zancudo ping -h 'here'", Text: "ask here"}},
	}
}

func TestParse(t *testing.T) {
	for _, test := range []struct {
		args string
		want options
	}{
		{"", options{}},
		{"-h a -p 8 -q 2", options{Host: "a", Port: 8, QoS: 2}},
		{"--host a --port 8 --retain", options{Host: "a", Port: 8, Retain: true}},
		{"--host=a=b --port=8", options{Host: "a=b", Port: 8}},
		{"-h -p -p 1", options{Host: "-p", Port: 1}}, // a value may look like a flag
		{"-h a -h b", options{Host: "b"}},
		{"-t a -t b", options{Topics: []string{"a", "b"}}},
		{"--property-of-a-connection x 1 --property-of-a-connection user k v f", options{Properties: []string{"x=1", "user=k=v"}, File: "f"}},
		{"--wait 1.5 --rate 0.5", options{Wait: 1500 * time.Millisecond, Rate: 0.5}},
		{"--wait 5m", options{Wait: 5 * time.Minute}},
		{"f -h a r s", options{File: "f", Host: "a", Rest: []string{"r", "s"}}},
		{"f -- -h a", options{File: "f", Rest: []string{"-h", "a"}}},
		{"-", options{File: "-"}},
		{"--cold", options{Host: "cold"}},
	} {
		var got options
		if err := ping(&got).Parse(strings.Fields(test.args)); err != nil {
			t.Errorf("%s: %v", test.args, err)
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s:\n%s", test.args, d)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"-x", "Unknown option '-x'."},
		{"--hots a", "Unknown option '--hots'. Did you mean '--host'?"},
		{"--prop", "Unknown option '--prop'. Did you mean '--property-of-a-connection'?"},
		{"--hots=a", "Unknown option '--hots=a'. Did you mean '--host'?"},
		{"-h=a", "Unknown option '-h=a'. Did you mean '-h'?"},
		{"-p", "-p argument given but no port specified."},
		{"--port", "-p argument given but no port specified."},
		{"-I", "-I argument given but no id prefix specified."},
		{"--property-of-a-connection user k", "not enough arguments for --property."},
		{"--retain=yes", "--retain takes no value, and 'yes' is given."},
		{"-p 0", "Invalid port given: 0; -p takes a number from 1 to 65535."},
		{"-p x", "Invalid port given: x; -p takes a number from 1 to 65535."},
		{"-q 3", "Invalid value '3' for -q; -q takes 0, 1 or 2."},
		{"--rate nan", "Invalid value 'nan' for --rate; --rate takes a number from 0.5 to 1e+06."},
		{"--wait -1", "Invalid value '-1' for --wait; --wait takes a time from 0s to 1h0m0s, as 30 (seconds), 500ms or 5m."},
		{"-I me", "Nobody is called me."},
	} {
		var got flags.Error
		if err := ping(&options{}).Parse(strings.Fields(test.args)); !errors.As(err, &got) || err.Error() != test.want {
			t.Errorf("%s: got %v\nwant %s", test.args, err, test.want)
		}
	}
	for args, want := range map[string]error{"-h a --help --bogus": flags.ErrHelp, "--version": flags.ErrVersion} {
		if err := ping(&options{}).Parse(strings.Fields(args)); !errors.Is(err, want) {
			t.Errorf("%s: got %v", args, err)
		}
	}
}

func TestParseArguments(t *testing.T) {
	var file, user string
	var force bool
	passwd := &flags.Command{
		FlagsFirst: true,
		Args:       []flags.Arg{{Name: "file", Set: flags.Given(&file)}, {Name: "user", Set: flags.Text(&user), Choices: []string{"-a", "b"}}},
		Groups:     []flags.Group{{Flags: []flags.Flag{{Names: "-f", Set: flags.True(&force)}}}},
	}
	for _, test := range []struct{ args, want string }{
		{"-f x -a", ""},
		{"-f -- -f b", ""},
		{"", "No file given."},
		{"x", "No user given."},
		{"x b c", "Unexpected argument 'c'."},
		{"x c", "Invalid user 'c'; it takes -a or b."},
		{"-b x b", "Unknown option '-b'."},
	} {
		err := passwd.Parse(strings.Fields(test.args))
		if got := message(err); got != test.want {
			t.Errorf("%s: got %q, want %q", test.args, got, test.want)
		}
	}
	if err := passwd.Parse([]string{"", "b"}); message(err) != "Invalid file ''; it takes a text that is not empty." {
		t.Errorf("got %v", err)
	}
	none := &flags.Command{}
	if err := none.Parse([]string{"stray"}); message(err) != "Unknown option 'stray'." {
		t.Errorf("got %v", err)
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestNearest(t *testing.T) {
	words := []string{"help", "host", "--qos", "-q", "pub", "sub", "retain-as-published"}
	for s, want := range map[string]string{
		"hlep": "help", "hots": "host", "retain": "retain-as-published", "--qso": "--qos", "pbu": "pub",
		"": "", "-x": "", "bench": "", "sub": "sub",
	} {
		if got := flags.Nearest(s, words); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}

// FuzzParse also makes sure that Parse sets nothing that it was not given.
func FuzzParse(f *testing.F) {
	f.Add("-h a -p 8 --property-of-a-connection user k v x")
	f.Add("-- --")
	f.Add("--host= -t")
	f.Fuzz(func(t *testing.T, line string) {
		var o options
		args := strings.Split(line, " ")
		err := ping(&o).Parse(args)
		var told flags.Error
		if err != nil && !errors.As(err, &told) && !errors.Is(err, flags.ErrHelp) && !errors.Is(err, flags.ErrVersion) {
			t.Errorf("%q: %v is no sentence", line, err)
		}
		for _, s := range append(slices.Concat(o.Topics, o.Rest), o.Host, o.ID, o.File) {
			if s != "cold" && !strings.Contains(line, s) {
				t.Errorf("%q sets %q", line, s)
			}
		}
	})
}
