package topic

import (
	"errors"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		desc       string
		topic      string
		wantName   error
		wantFilter error
	}{
		{desc: "one level", topic: "a"},
		{desc: "several levels", topic: "house/kitchen/temperature"},
		{desc: "a space", topic: " "},
		{desc: "only a separator", topic: "/"},
		{desc: "leading separator", topic: "/finance"},
		{desc: "trailing separator", topic: "finance/"},
		{desc: "empty levels", topic: "a///b"},
		{desc: "system topic", topic: "$SYS/broker/uptime"},
		{desc: "beyond ASCII", topic: "Küche/温度"},
		{desc: "empty [MQTT-4.7.3-1]", topic: "", wantName: ErrEmpty, wantFilter: ErrEmpty},
		{desc: "null [MQTT-4.7.3-2]", topic: "a/\x00", wantName: ErrNull, wantFilter: ErrNull},
		{desc: "65535 bytes [MQTT-4.7.3-3]", topic: strings.Repeat("a", 65535)},
		{desc: "65536 bytes [MQTT-4.7.3-3]", topic: strings.Repeat("a", 65536), wantName: ErrTooLong, wantFilter: ErrTooLong},
		{desc: "200 separators", topic: strings.Repeat("/", 200)},
		{desc: "201 separators", topic: strings.Repeat("/", 201), wantName: ErrTooDeep, wantFilter: ErrTooDeep},
		{desc: "200 separators and letters", topic: strings.Repeat("a/", 200) + "a"},
		{desc: "201 separators and letters", topic: strings.Repeat("a/", 201) + "a", wantName: ErrTooDeep, wantFilter: ErrTooDeep},
		{desc: "only # [MQTT-4.7.0-1]", topic: "#", wantName: ErrWildcardInName},
		{desc: "# last", topic: "sport/tennis/#", wantName: ErrWildcardInName},
		{desc: "# after an empty level", topic: "/#", wantName: ErrWildcardInName},
		{desc: "# beside a letter [MQTT-4.7.1-1]", topic: "sport/tennis#", wantName: ErrWildcardInName, wantFilter: ErrHashNotAlone},
		{desc: "# before a letter", topic: "#a", wantName: ErrWildcardInName, wantFilter: ErrHashNotAlone},
		{desc: "## twice", topic: "##", wantName: ErrWildcardInName, wantFilter: ErrHashNotAlone},
		{desc: "# not last [MQTT-4.7.1-1]", topic: "sport/#/ranking", wantName: ErrWildcardInName, wantFilter: ErrHashNotLast},
		{desc: "# before an empty level", topic: "#/", wantName: ErrWildcardInName, wantFilter: ErrHashNotLast},
		{desc: "only + [MQTT-4.7.1-2]", topic: "+", wantName: ErrWildcardInName},
		{desc: "+ first and last", topic: "+/tennis/+", wantName: ErrWildcardInName},
		{desc: "+ before #", topic: "+/tennis/#", wantName: ErrWildcardInName},
		{desc: "+ everywhere", topic: "+/+/+", wantName: ErrWildcardInName},
		{desc: "+ after a letter [MQTT-4.7.1-2]", topic: "sport+", wantName: ErrWildcardInName, wantFilter: ErrPlusNotAlone},
		{desc: "+ before a letter", topic: "a/+b/c", wantName: ErrWildcardInName, wantFilter: ErrPlusNotAlone},
		{desc: "++ twice", topic: "++", wantName: ErrWildcardInName, wantFilter: ErrPlusNotAlone},
	}
	for _, tt := range tests {
		t.Run(tt.desc, func(t *testing.T) {
			t.Parallel()
			if got := ValidateName(tt.topic); !errors.Is(got, tt.wantName) {
				t.Errorf("ValidateName = %v, want %v", got, tt.wantName)
			}
			if got := ValidateFilter(tt.topic); !errors.Is(got, tt.wantFilter) {
				t.Errorf("ValidateFilter = %v, want %v", got, tt.wantFilter)
			}
		})
	}
}

// matches holds the examples of the specification, section 4.7, and the corners of it.
var matches = []struct {
	filter, name string
	want         bool
}{
	{"sport/tennis/player1/#", "sport/tennis/player1", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	{"sport/tennis/player1/#", "sport/tennis/player12", false},
	{"sport/#", "sport", true},
	{"sport/#", "sport/", true},
	{"sport/#", "sports", false},
	{"#", "sport", true},
	{"#", "/", true},
	{"sport/tennis/+", "sport/tennis/player1", true},
	{"sport/tennis/+", "sport/tennis/player1/ranking", false},
	{"sport/+", "sport", false},
	{"sport/+", "sport/", true},
	{"+/+", "/finance", true},
	{"/+", "/finance", true},
	{"+", "/finance", false},
	{"+/+/#", "/finance", true},
	{"+/tennis/#", "sport/tennis", true},
	{"a/+/c", "a/b/c", true},
	{"a/+/c", "a//c", true},
	{"a/+/c", "a/b/d", false},
	{"a/+/c", "a/b", false},
	{"a/+/c", "a/b/c/d", false},
	{"a/+/#", "a", false},
	{"a/+/#", "a/b", true},
	{"a", "a", true},
	{"a", "a/", false},
	{"a/", "a", false},
	{"a/", "a/", true},
	{"ACCOUNTS", "Accounts", false},
	{"/", "/", true},
	{"//", "/", false},
	{"#", "$SYS/uptime", false},
	{"+", "$SYS", false},
	{"+/#", "$SYS", false},
	{"+/monitor/Clients", "$SYS/monitor/Clients", false},
	{"$SYS/#", "$SYS/monitor/Clients", true},
	{"$SYS/#", "$SYS", true},
	{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
	{"$SYS", "$SYS", true},
	{"a/#", "a/$SYS", true},
	{"a/+", "a/$SYS", true},
	{"#", "a/$SYS", true},
	{"+/+", "$/a", false},
}

// TestMatch asks each of the three matchers [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1].
func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range matches {
		t.Run(tt.filter+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Match(tt.filter, tt.name); got != tt.want {
				t.Errorf("Match = %v, want %v", got, tt.want)
			}
			var f Filters[int]
			f.Add(tt.filter, 1)
			if got := len(f.Match(nil, tt.name)) == 1; got != tt.want {
				t.Errorf("Filters.Match = %v, want %v", got, tt.want)
			}
			var n Names[int]
			n.Set(tt.name, 1)
			got := false
			for range n.Match(tt.filter) {
				got = true
			}
			if got != tt.want {
				t.Errorf("Names.Match = %v, want %v", got, tt.want)
			}
			if got := naiveMatch(tt.filter, tt.name); got != tt.want {
				t.Errorf("naiveMatch = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSplitShare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		desc, in      string
		group, filter string
		shared        bool
		err           error
	}{
		{desc: "ordinary", in: "a/b", filter: "a/b"},
		{desc: "empty", in: ""},
		{desc: "share", in: "$share/g/a/+/#", group: "g", filter: "a/+/#", shared: true},
		{desc: "filter that starts with a separator", in: "$share/g//a", group: "g", filter: "/a", shared: true},
		{desc: "filter that is a separator", in: "$share/g//", group: "g", filter: "/", shared: true},
		{desc: "group with a dollar", in: "$share/$g/a", group: "$g", filter: "a", shared: true},
		{desc: "only the word", in: "$share", filter: "$share"},
		{desc: "longer word", in: "$shared/g/a", filter: "$shared/g/a"},
		{desc: "other case", in: "$SHARE/g/a", filter: "$SHARE/g/a"},
		{desc: "no name [MQTT-4.8.2-1]", in: "$share//a", shared: true, err: ErrShareName},
		{desc: "nothing", in: "$share/", shared: true, err: ErrShareName},
		{desc: "# in the name [MQTT-4.8.2-2]", in: "$share/g#/a", shared: true, err: ErrShareName},
		{desc: "+ in the name [MQTT-4.8.2-2]", in: "$share/+/a", shared: true, err: ErrShareName},
		{desc: "no separator after the name [MQTT-4.8.2-2]", in: "$share/g", shared: true, err: ErrShareFilter},
		{desc: "no filter [MQTT-4.8.2-2]", in: "$share/g/", shared: true, err: ErrShareFilter},
	}
	for _, tt := range tests {
		t.Run(tt.desc, func(t *testing.T) {
			t.Parallel()
			group, filter, shared, err := SplitShare(tt.in)
			if group != tt.group || filter != tt.filter || shared != tt.shared || !errors.Is(err, tt.err) {
				t.Errorf("SplitShare(%q) = %q, %q, %v, %v, want %q, %q, %v, %v", tt.in,
					group, filter, shared, err, tt.group, tt.filter, tt.shared, tt.err)
			}
		})
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	filter := strings.Repeat("+/", 30000) + "#"
	name := strings.Repeat("a/", 30000)
	if got := testing.AllocsPerRun(10, func() { Match(filter, name) }); got != 0 {
		t.Errorf("Match allocates %v times, want 0", got)
	}
}
