package daemon

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
	"github.com/zancudomq/zancudo/internal/metrics"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/mosqdb"
)

// StorePlace says where a broker with this configuration keeps its state: the
// Options have a Dir and a Marker. It is an error if it keeps none.
func StorePlace(c *config.Config) (store.Options, error) {
	if !c.Persistence {
		return store.Options{}, fmt.Errorf("a broker with %s keeps nothing on disk: 'persistence' is false there", cmp.Or(c.File, "this environment"))
	}
	return storePlace(c)
}

func storePlace(c *config.Config) (store.Options, error) {
	place, err := filepath.Abs(c.PersistenceLocation)
	if err != nil {
		return store.Options{}, fmt.Errorf("find persistence_location: %w", err)
	}
	o := store.Options{Dir: filepath.Join(place, "zancudo"), Marker: filepath.Join(place, c.PersistenceFile)}
	o.MarkerContent = mosqdb.Marker(fmt.Sprintf(markerSentence, o.Dir))
	return o, nil
}

// markerSentence is in the file that stands for the state. Mosquitto, should it
// come back, takes the file for one without anything in it.
const markerSentence = "\nThis file stands for Zancudo's stored state, which is in %s.\n" +
	"Remove it while the broker is stopped, and the broker starts with an empty state.\n"

// openStore opens what c has kept on disk; nil: nothing is kept. Mosquitto's file
// stands for the directory beside it: who removes it starts afresh.
func (d *daemon) openStore(ctx context.Context, c *config.Config) (*store.Store, error) {
	if !c.Persistence {
		d.logger.Log(ctx, logs.LevelInformation, "state not kept")
		return nil, nil
	}
	o, err := storePlace(c)
	if err != nil {
		return nil, err
	}
	o.Logger = d.logger
	o.Sync, o.SyncInterval = syncing(c)
	if c.DatabaseFile() != "" {
		d.logger.Info("plugin for SQLite replaced")
	}
	if err := d.inherit(c, o); err != nil {
		return nil, err
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
	d.logger.Info("store read", "sessions", st.Sessions, "retained", st.Retained, "seconds", float64(time.Since(began).Milliseconds())/1000)
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
