package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/metrics"
)

// figures publish below $SYS what the broker says of itself.
type figures struct {
	tree    *metrics.Tree
	stop    context.CancelFunc
	running sync.WaitGroup
}

// publishFigures begins to publish, as often as c says.
func (d *daemon) publishFigures(c *config.Config) {
	ctx, cancel := context.WithCancel(context.Background())
	d.figures = &figures{
		tree: metrics.NewTree(metrics.TreeOptions{
			Interval: sysInterval(c), Version: d.options.Version, Publish: d.broker.Publish,
			Sample: d.sampler.Sample,
		}),
		stop: cancel,
	}
	d.figures.running.Go(func() { d.figures.tree.Run(ctx) })
}

func sysInterval(c *config.Config) time.Duration { return time.Duration(c.SysInterval) * time.Second }

// end ends the publishing. Nobody shall wait for figures of a broker that ends.
func (f *figures) end() {
	f.stop()
	f.running.Wait()
}
