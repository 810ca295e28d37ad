package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/pki"
)

// How often a custodian looks: at the machine, since a change of its address
// locks out clients that use it, and at dates, with as much as dateJitter later.
const (
	machineInterval = time.Minute
	dateInterval    = 24 * time.Hour
	dateJitter      = time.Hour
)

// A custodian renews certificates of listeners that an authority of ours has
// issued, whose directory they lie in with its key. It only writes files: that
// they have changed is seen as if somebody else had.
type custodian struct {
	logger *slog.Logger
	// machine asks for the names and addresses of this machine.
	machine func() (*pki.Machine, error)

	names []string  // of the machine, when certificates were looked at
	last  []string  // the same, when the machine was
	next  time.Time // when dates are to be looked at
	told  string    // what is wrong, so that it is told once
}

// look renews what is to be renewed at a time, if it is time to look. Names count
// when they were the same the last time: addresses come and go for a moment.
func (k *custodian) look(now time.Time, c *config.Config) {
	if !slices.ContainsFunc(c.Listeners, func(l *config.Listener) bool { return pki.Owns(filepath.Dir(l.TLS.CertFile)) }) {
		return
	}
	machine, err := k.machine()
	if err != nil {
		k.complain(err)
		return
	}
	names := machine.Names()
	changed := !slices.Equal(names, k.names) && slices.Equal(names, k.last)
	k.last = names
	if now.Before(k.next) && !changed {
		return
	}
	k.names = names
	k.next = now.Add(dateInterval + rand.N(dateJitter))
	var failures []error
	seen := make(map[string]bool)
	for _, l := range c.Listeners {
		if path := l.TLS.CertFile; path != "" && !seen[path] {
			seen[path] = true
			failures = append(failures, k.attend(now, path, machine))
		}
	}
	k.complain(errors.Join(failures...))
}

// attend looks after the certificate of a listener.
func (k *custodian) attend(now time.Time, certFile string, machine *pki.Machine) error {
	dir := filepath.Dir(certFile)
	if !pki.Owns(dir) {
		return nil // somebody else looks after it
	}
	a, err := pki.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // it was only locked
	if _, err := a.RefreshList(now); err != nil {
		return err
	}
	e, ok := a.Find(strings.TrimSuffix(filepath.Base(certFile), ".crt"))
	if path, _ := a.Files(e); !ok || e.Kind != pki.Server || filepath.Clean(path) != filepath.Clean(certFile) || e.State(now) == pki.Revoked {
		return nil
	}
	reason, err := a.Due(now, e, machine)
	if err != nil || reason == "" {
		return err
	}
	renewed, err := a.Renew(now, e.Name, pki.RenewOptions{Machine: machine})
	if err != nil {
		return fmt.Errorf("renew %s, since %s: %w", certFile, reason, err)
	}
	k.logger.Info("certificate renewed", "file", certFile, "text", string(reason), "until", renewed.Until.Format(time.DateOnly))
	return nil
}

// complain says what is wrong, unless it was said before.
func (k *custodian) complain(err error) {
	if err == nil {
		k.told = ""
		return
	}
	if text := err.Error(); text != k.told {
		k.told = text
		k.logger.Error("certificate not renewed", "err", err)
	}
}

// startCustodian has the custodian look again and again, until stop is called.
func (d *daemon) startCustodian(ctx context.Context) (stop func()) {
	return every(ctx, machineInterval, func() { d.custodian.look(time.Now(), d.served.Load()) })
}
