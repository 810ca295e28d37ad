package daemon

import (
	"io"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
)

// logOptions translates what c says of the log.
func logOptions(c *config.Config, stdout, stderr io.Writer) logs.Options {
	o := logs.Options{Types: logs.Types(c.Log.Types), Timestamp: c.Log.Timestamp, ConnectionMessages: c.Log.ConnectionMessages}
	dests := c.Log.Dests
	if dests.None {
		return o
	}
	if dests.Stdout {
		o.Stdout = stdout
	}
	if dests.Stderr || o.Stdout == nil {
		o.Stderr = stderr
	}
	return o
}
