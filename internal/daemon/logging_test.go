package daemon

import (
	"bytes"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
)

func TestLogTypes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ conf, want string }{
		{"", "Error: e. Warning: w. notice. information."},
		{"log_type error", "Error: e."},
		{"log_type notice\nlog_type warning", "Warning: w. notice."},
		{"log_type information", "information."},
		{"log_type all", "Error: e. Warning: w. notice. information. debug."},
		{"log_type none", ""},
		{"log_dest none", ""},
		{"log_dest syslog", "Error: e. Warning: w. notice. information."}, // not built: better here than nowhere
		{"log_dest stdout", "out: Error: e. out: Warning: w. out: notice. out: information."},
		{"log_dest stdout\nlog_dest stderr\nlog_type error", "out: Error: e. Error: e."},
	} {
		var out, err bytes.Buffer
		l, failed := logs.Open(logOptions(parse(t, "log_timestamp false\n"+tt.conf), &out, &err))
		if failed != nil {
			t.Fatal(failed)
		}
		logger := l.Logger()
		logger.Error("e")
		logger.Warn("w")
		logger.Info("notice")
		logger.Log(t.Context(), logs.LevelInformation, "information")
		logger.Debug("debug")
		l.Close()
		text := strings.ReplaceAll("\n"+strings.TrimSpace(out.String()), "\n", "\nout: ") + "\n" + err.String()
		text = strings.TrimPrefix(text, "\nout: \n")
		if got := strings.Join(strings.Fields(text), " "); got != tt.want {
			t.Errorf("%q:\ngot  %s\nwant %s", tt.conf, got, tt.want)
		}
	}
}

func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("a.conf", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
