package config

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Mosquitto 2.1 knows that many words.
const mosquittoWords = 141

func TestTable(t *testing.T) {
	t.Parallel()
	all := map[string]bool{}
	for i := range words {
		w := &words[i]
		for name := range w.names {
			if all[name] {
				t.Errorf("%s has two rows", name)
			}
			all[name] = !w.Ours
			if found := Find(strings.Replace(name, "*", "x", 1)); found != w {
				t.Errorf("%s is not found", name)
			}
		}
		checkRow(t, w)
	}
	n := 0
	for _, theirs := range all {
		if theirs {
			n++
		}
	}
	if n != mosquittoWords {
		t.Errorf("the table has %d words of Mosquitto, which has %d", n, mosquittoWords)
	}
}

// checkRow checks that the parts of a row fit each other.
func checkRow(t *testing.T, w *Word) {
	t.Helper()
	if !strings.HasSuffix(w.Doc, ".") || strings.ToUpper(w.Doc[:1]) != w.Doc[:1] {
		t.Errorf("%s: %q is not a sentence", w.Name, w.Doc)
	}
	if w.Kind == Integer && w.Min >= w.Max {
		t.Errorf("%s: no number is from %d to %d", w.Name, w.Min, w.Max)
	}
	if w.Kind == Choice && len(w.Choices) < 2 {
		t.Errorf("%s: there is nothing to choose", w.Name)
	}
	if w.Status == Inert && w.Why == "" {
		t.Errorf("%s: why has it no effect?", w.Name)
	}
	for _, value := range slices.Concat(w.Only, w.Harmless) {
		if w.Kind == Choice && !slices.Contains(w.Choices, value) {
			t.Errorf("%s: %s is none of its values", w.Name, value)
		}
	}
	if w.Scope == Opening || strings.HasSuffix(w.Name, "*") {
		return
	}
	fits := false
	switch w.place(everything()).(type) {
	case *bool, **bool:
		fits = w.Kind == Bool
	case *int, **int, *uint32:
		fits = w.Kind == Integer
	case *string:
		fits = w.Kind == String || w.Kind == Choice
	case *time.Duration:
		fits = w.Kind == Duration
	case list:
		fits = w.Kind == List
	case reader:
		fits = w.Kind == Form || w.Kind == String
	}
	if !fits {
		t.Errorf("%s does not go where its kind says", w.Name)
	}
}

// everything is a target for any word.
func everything() target {
	c := New()
	l := c.Listeners[0]
	return target{config: c, security: &c.Security, listener: l, bridge: newBridge("b"), plugin: &Plugin{}}
}

// context are lines that every word may follow.
const context = "plugin_load name path\nconnection bridge\naddress host\ntopic #\nlistener 1884\nkeyfile key\ncertfile cert\nbridge_identity me\nbridge_psk ff\n"

// contextOf are those that w may follow.
func contextOf(w *Word) string {
	lines := strings.SplitAfter(context, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool {
		switch name, _ := split(line); {
		case name == w.Name && w.Scope != Opening:
			return true
		case name == "certfile" || name == "keyfile":
			return w.Name == "enable_proxy_protocol" || w.Name == "psk_hint"
		case name == "bridge_identity" || name == "bridge_psk":
			return strings.HasPrefix(w.Name, "bridge_c") || w.Name == "bridge_keyfile" || w.Name == "bridge_tls_use_os_certs"
		}
		return false
	}), "")
}

// completed are the lines that have to come with a word.
func completed(w *Word, line string) string {
	with := map[string]string{
		"connection": "address a\ntopic a", "bridge_certfile": "bridge_keyfile x", "bridge_keyfile": "bridge_certfile x",
		"certfile": "keyfile x", "keyfile": "certfile x",
	}
	return line + "\n" + with[w.Name] + "\n"
}

// lineOf is a line with a word, and a value that it does not have by default.
func lineOf(w *Word) string {
	switch {
	case len(w.Only) > 0:
		return w.Name + " " + w.Only[0]
	case w.Kind == Bool && w.Default == "true":
		return w.Name + " false"
	case w.Kind == Bool:
		return w.Name + " true"
	case w.Kind == Integer && w.Default == "":
		return w.Name + " " + strconv.FormatInt(w.Min+1, 10)
	case w.Kind == Integer:
		n, _ := parseInt(w.Default)
		if n > w.Min {
			n -= 2
		}
		return w.Name + " " + strconv.FormatInt(n+1, 10)
	case w.Kind == Choice:
		i := slices.Index(w.Choices, w.Default)
		return w.Name + " " + w.Choices[(i+1)%len(w.Choices)]
	case w.Kind == Duration:
		return w.Name + " 3d"
	case w.Kind == List && len(w.Choices) > 0:
		return w.Name + " " + w.Choices[0]
	}
	forms := map[string]string{
		"bridge_psk": "abc123", "tls_engine_kpass_sha1": "abcd", "bind_address": "localhost",
		"accept_protocol_versions": "5", "plugin_use": "name", "plugin_load": "other path", "listener": "1885", "include_dir": "none",
		"topic": "a/# in 1 l/ r/", "restart_timeout": "7", "bridge_tcp_keepalive": "1 2 3", "address": "host:1884",
		"socket_mode": "0660", "persistence_sync": "interval 20", "websockets_proxy": "10.0.0.1 ::/8",
	}
	if form := forms[w.Name]; form != "" {
		return w.Name + " " + form
	}
	return strings.Replace(w.Name, "*", "key", 1) + " some text"
}

// load reads a text.
func load(text string) (*Config, error) {
	return Load(Source{
		File: "a.conf", Read: func(string) ([]byte, error) { return []byte(text), nil },
		List: func(string) ([]string, error) { return nil, nil },
	})
}

// TestEveryWord walks the table: each word is read under each of its names, has
// its default until then, and refuses what it cannot be.
func TestEveryWord(t *testing.T) {
	t.Parallel()
	for i := range words {
		w := &words[i]
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			before := contextOf(w)
			without, _ := load(context)
			for name := range w.names {
				line := strings.Replace(lineOf(w), strings.TrimSuffix(w.Name, "*"), strings.TrimSuffix(name, "*"), 1)
				with, err := load(before + completed(w, line))
				if err != nil {
					t.Errorf("%q: %v", line, err)
				} else if reflect.DeepEqual(forget(with), forget(without)) && w.Name != "include_dir" {
					t.Errorf("%q changes nothing", line)
				}
			}
			checkDefault(t, w, before)
			for _, bad := range badLines(w) {
				var problems Problems
				if _, err := load(before + bad + "\n"); !errors.As(err, &problems) || problems[0].Word == "" || problems[0].Line == 0 || problems[0].Remedy == "" {
					t.Errorf("%q: got %v", bad, err)
				}
			}
		})
	}
}

// forget takes out what is said about a configuration.
func forget(c *Config) *Config {
	c.Warnings, c.Refusals, c.places = nil, nil, nil
	for _, l := range c.Listeners {
		l.Line = 0
	}
	return c
}

// checkDefault has a file say the default, which changes nothing.
func checkDefault(t *testing.T, w *Word, before string) {
	t.Helper()
	if w.Default == "" || w.Scope == Opening {
		return
	}
	without, _ := load(before)
	text := w.Name + " " + strings.ReplaceAll(w.Default, ", ", "\n"+w.Name+" ") + "\n"
	with, _ := load(before + text)
	if !reflect.DeepEqual(forget(with), forget(without)) {
		t.Errorf("%q is not the default", text)
	}
}

// badLines are lines that no file may have.
func badLines(w *Word) []string {
	name := strings.Replace(w.Name, "*", "key", 1)
	bad := []string{name}
	switch w.Kind {
	case Bool:
		bad = append(bad, name+" yes", name+" TRUE", name+" 2")
	case Integer:
		bad = append(bad, name+" x", name+" 1x")
		if !w.Lenient {
			bad = append(bad, name+" "+strconv.FormatInt(w.Min-1, 10))
		}
		if w.Max < unbounded {
			bad = append(bad, name+" "+strconv.FormatInt(w.Max+1, 10))
		}
	case Choice:
		bad = append(bad, name+" x", name+" "+strings.ToUpper(w.Choices[0]))
	case Duration:
		bad = append(bad, name+" 3", name+" 0d", name+" 3M")
	case String:
		if w.Name != "include_dir" {
			bad = append(bad, name+" \xff")
		}
		if w.Max > 0 {
			bad = append(bad, name+" "+strings.Repeat("x", int(w.Max)+1))
		}
		if !w.Last && w.Scope != Opening {
			bad = append(bad, lineOf(w)+"\n"+lineOf(w))
		}
	case List:
		if len(w.Choices) > 0 {
			bad = append(bad, name+" x")
		}
	case Form:
		if !strings.HasSuffix(w.Name, "*") {
			bad = append(bad, name+" \xff")
		}
	}
	return bad
}

func TestParseInt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"-1", -1, true},
		{"+7", 7, true},
		{"0x1F", 31, true},
		{"-0X1f", -31, true},
		{"017", 15, true},
		{"00", 0, true},
		{"9223372036854775808", 1<<63 - 1, true},
		{"", 0, false},
		{"-", 0, false},
		{"--1", 0, false},
		{"+-1", 0, false},
		{"0x", 0, false},
		{"0b1", 0, false},
		{"0o7", 0, false},
		{"1_000", 0, false},
		{"1e3", 0, false},
		{"09", 0, false},
		{"1.5", 0, false},
	} {
		if got, ok := parseInt(tt.text); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %d, %v, want %d, %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, tt := range []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"30s", 30 * time.Second, true},
		{"2h", 2 * time.Hour, true},
		{"1d", day, true},
		{"1w", 7 * day, true},
		{"1m", 30 * day, true},
		{"1y", 365 * day, true},
		{"999999y", 292 * 365 * day, true},
		{"1", 0, false},
		{"d", 0, false},
		{"", 0, false},
		{"0d", 0, false},
		{"-1d", 0, false},
		{"1M", 0, false},
	} {
		if got, ok := parseDuration(tt.text); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %v, %v, want %v, %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}
