package daemon

import (
	"context"
	"maps"
	"net"
	"sync"

	"github.com/zancudomq/zancudo/internal/console"
)

// Reloaded is the answer to the console's request to reload.
type Reloaded struct {
	Changes  []string `json:"changes"`  // a line each
	Warnings []string `json:"warnings"` // sentences
}

// openConsole opens the socket by which other commands on this machine ask the
// broker for things; nil: there is none. It lies where only the user may write
// whom the process was started by.
func (o *Options) openConsole() (net.Listener, error) {
	if o.RunDir == "" {
		return nil, nil
	}
	return console.Listen(o.RunDir)
}

// serveConsole answers until stop is called.
func (d *daemon) serveConsole(l net.Listener) (stop func()) {
	handlers := map[string]console.Handler{
		"health":      d.handleHealth,
		"reload":      d.handleReload,
		"logins":      d.handleLogins,
		"explain":     d.handleExplain,
		"acl-suggest": d.handleSuggest,
	}
	maps.Copy(handlers, d.databaseRequests())
	var serving sync.WaitGroup
	serving.Go(func() {
		_ = console.Serve(l, handlers) // it ends when l is closed
	})
	return func() {
		_ = l.Close()
		serving.Wait()
	}
}

func (d *daemon) handleReload(ctx context.Context, _ []byte) (any, error) {
	return d.reloadAndTell(ctx)
}
