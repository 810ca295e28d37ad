package store_test

import (
	"testing"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/store"
	"github.com/zancudomq/zancudo/internal/store/storetest"
)

func TestContract(t *testing.T) {
	t.Parallel()
	for name, sync := range map[string]store.Sync{"always": store.SyncAlways, "interval": store.SyncInterval, "never": store.SyncNever} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, func(t *testing.T) storetest.Opener {
				t.Helper()
				dir := t.TempDir()
				return func() (broker.Store, error) { return store.Open(store.Options{Dir: dir, Sync: sync}) }
			})
		})
	}
}
