package daemon

import (
	"io"
	"log/slog"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
)

// newLogger returns the logger that c asks for.
func newLogger(c *config.Config, stdout, stderr io.Writer) *slog.Logger {
	o := logs.Options{Types: logs.Types(c.LogTypes), Timestamp: c.LogTimestamp, ConnectionMessages: c.ConnectionMessages}
	dests := c.LogDests
	if dests&config.LogToNone != 0 {
		return logs.New(o)
	}
	if dests&config.LogToStdout != 0 {
		o.Writers = append(o.Writers, stdout)
	}
	if dests&config.LogToStderr != 0 || len(o.Writers) == 0 {
		o.Writers = append(o.Writers, stderr)
	}
	return logs.New(o)
}
