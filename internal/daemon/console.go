package daemon

import (
	"context"
	"sync"

	"github.com/zancudomq/zancudo/internal/console"
)

// Reloaded is the answer to the console's request to reload.
type Reloaded struct {
	Changes  []string `json:"changes"`  // a line each
	Warnings []string `json:"warnings"` // sentences
}

// openConsole lets other commands on this machine ask the broker for things. It
// serves as well without.
func (d *daemon) openConsole() (stop func()) {
	if d.options.RunDir == "" {
		return func() {}
	}
	l, err := console.Listen(d.options.RunDir)
	if err != nil {
		d.logger.Warn("console not opened", "err", err)
		return func() {}
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		_ = console.Serve(l, map[string]console.Handler{"reload": d.handleReload}) // it ends when l is closed
	})
	return func() {
		_ = l.Close()
		serving.Wait()
	}
}

func (d *daemon) handleReload(ctx context.Context, _ []byte) (any, error) {
	return d.reloadAndTell(ctx)
}
