package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
	"github.com/zancudomq/zancudo/internal/metrics"
	"github.com/zancudomq/zancudo/internal/store"
)

// openStore opens what c has kept on disk; nil: nothing is kept. Mosquitto's file
// stands for the directory beside it: who removes it starts afresh.
func (d *daemon) openStore(ctx context.Context, c *config.Config) (*store.Store, error) {
	if !c.Persistence {
		d.logger.Log(ctx, logs.LevelInformation, "state not kept")
		return nil, nil
	}
	place, err := filepath.Abs(c.PersistenceLocation)
	if err != nil {
		return nil, err
	}
	o := store.Options{
		Dir: filepath.Join(place, "zancudo"), Marker: filepath.Join(place, c.PersistenceFile), Logger: d.logger,
	}
	o.Sync, o.SyncInterval = syncing(c)
	if _, err := os.Stat(o.Dir); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(o.Marker); err == nil {
			d.logger.Warn("configuration warning", "text", "The sessions and messages in "+o.Marker+" are not taken over: that is not supported yet.")
		}
	}
	d.logger.Log(ctx, logs.LevelInformation, "state kept", "path", o.Dir)
	s, err := store.Open(o)
	if err != nil && c.File == "" {
		return nil, fmt.Errorf("%w\n%s", err, "Without a configuration the broker keeps its state there. "+
			"ZANCUDO_PERSISTENCE_LOCATION names another directory for it, and with ZANCUDO_PERSISTENCE=false nothing is kept.")
	}
	return s, err
}

// syncing says when facts are safe.
func syncing(c *config.Config) (store.Sync, time.Duration) {
	switch c.PersistenceSync.Mode {
	case "interval":
		return store.SyncInterval, c.PersistenceSync.Interval
	case "never":
		return store.SyncNever, 0
	default:
		return store.SyncAlways, 0
	}
}

// restore takes up what an earlier run has left.
func (d *daemon) restore() error {
	if d.store == nil {
		return nil
	}
	began := time.Now()
	if err := d.broker.Restore(); err != nil {
		return err
	}
	st := d.broker.Stats()
	d.logger.Info("store read", "sessions", st.Sessions, "retained", st.Retained, "seconds", time.Since(began).Round(time.Millisecond).Seconds())
	return nil
}

// storeFigures returns what tells of the store; nil: there is none.
func (d *daemon) storeFigures() func() metrics.Store {
	if d.store == nil {
		return nil
	}
	return func() metrics.Store {
		conditions := map[store.Condition]metrics.StoreCondition{store.Ready: metrics.StoreReady, store.Full: metrics.StoreFull, store.Failed: metrics.StoreFailed}
		s := d.store.Stats()
		return metrics.Store{
			Condition: conditions[d.store.State().Condition], Bytes: d.store.Size(), Facts: s.Facts, Refused: s.Refused,
			Syncs: s.Syncs, Written: s.Bytes, Damaged: int64(len(d.store.Reports())),
		}
	}
}

// closeStore makes durable what is not yet.
func (d *daemon) closeStore() {
	if d.store == nil {
		return
	}
	if err := d.store.Close(); err != nil {
		d.logger.Error("store not closed", "err", err)
	}
}
