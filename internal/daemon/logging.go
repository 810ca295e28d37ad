package daemon

import (
	"io"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
)

// logOptions translates what c says of the log.
func logOptions(c *config.Config, stdout, stderr io.Writer) logs.Options {
	o := logs.Options{Types: logs.Types(c.LogTypes), Timestamp: c.LogTimestamp, ConnectionMessages: c.ConnectionMessages}
	dests := c.LogDests
	if dests&config.LogToNone != 0 {
		return o
	}
	if dests&config.LogToStdout != 0 {
		o.Stdout = stdout
	}
	if dests&config.LogToStderr != 0 || o.Stdout == nil {
		o.Stderr = stderr
	}
	return o
}
