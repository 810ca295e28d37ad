package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/zancudomq/zancudo/broker"
	"github.com/zancudomq/zancudo/internal/config"
	"github.com/zancudomq/zancudo/internal/logs"
	"github.com/zancudomq/zancudo/packet"
)

// A reload has two halves. The first reads, checks and opens: each of its steps
// may fail, and then all before it are undone. The second puts the new things in
// the place of the old, which cannot fail. So a reload happens whole or not at
// all, and no connection notices that keeps its rights.

// reload reads the configuration again and applies it. It returns what has
// changed, and what is to be known of the whole; after an error nothing has.
func (d *daemon) reload(ctx context.Context) (changes, warnings []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.options.Reload == nil {
		return nil, nil, errors.New("there is no configuration to read again")
	}
	next, err := d.options.Reload()
	if err != nil {
		return nil, nil, err
	}
	r := &reloading{daemon: d, old: d.config, next: next}
	if err := r.prepare(ctx); err != nil {
		r.undo(ctx)
		return nil, nil, err
	}
	before := d.guards
	r.commit()
	return r.changes(before), append(Warnings(next), r.guards.rulesSentences()...), nil
}

// changes are lines on what is otherwise than before.
func (r *reloading) changes(before *guards) (all []string) {
	for _, c := range config.Diff(r.old, r.next) {
		all = append(all, c.String())
	}
	all = append(all, r.guards.users.changes(before.users)...)
	all = append(all, r.guards.rulesChanges(before)...)
	if r.expelled > 0 {
		all = append(all, fmt.Sprintf("-%d clients, who may not be connected any more", r.expelled))
	}
	return all
}

// reloading is one reload.
type reloading struct {
	*daemon
	old, next *config.Config
	guards    *guards // of next
	undos     []func(ctx context.Context)

	kept   []kept      // listeners that stay
	opened []*entrance // those that are new
	gone   []*entrance // those that are not there any more

	expelled int // clients that have lost the right to be connected
}

// kept is a listener that stays, with what the configuration says of it now.
type kept struct {
	*entrance
	listener *config.Listener
	shape    shape
	secrets  *secrets       // nil: it does without TLS
	sockets  []net.Listener // nil: those it has
	seal     *seal          // of these sockets
}

// prepare opens what the new configuration asks for.
func (r *reloading) prepare(ctx context.Context) (err error) {
	if r.guards, err = newGuards(r.next, r.watch, r.verifier); err != nil {
		return err
	}
	if err = r.addDynamic(r.guards); err != nil {
		return err
	}
	left := make(map[place]*entrance)
	for _, e := range r.entrances {
		left[e.place] = e
	}
	var fresh []*config.Listener
	for _, l := range r.next.Listeners {
		at := placeOf(r.next, l)
		if e := left[at]; e != nil {
			delete(left, at)
			r.kept = append(r.kept, kept{entrance: e, listener: l, shape: shapeOf(r.next, l)})
		} else {
			fresh = append(fresh, l)
		}
	}
	for _, e := range r.entrances {
		if left[e.place] != nil {
			r.gone = append(r.gone, e)
		}
	}
	for i := range r.kept {
		if err := r.reshape(ctx, &r.kept[i]); err != nil {
			return err
		}
	}
	for _, l := range fresh {
		if err := r.enterAnew(ctx, l); err != nil {
			return err
		}
	}
	before := r.options.logOptions(r.old)
	if err := r.log.Change(r.options.logOptions(r.next)); err != nil {
		return err
	}
	r.undos = append(r.undos, func(context.Context) {
		_ = r.log.Change(before) // those destinations were open a moment ago
	})
	return nil
}

// reshape reads what TLS of a listener is made of, and opens the sockets of a listener again if they are made of something
// else now. The old ones have to be closed before.
func (r *reloading) reshape(ctx context.Context, k *kept) (err error) {
	if k.secrets, err = loadSecrets(r.next, k.listener, r.keyLog); err != nil {
		return err
	}
	if k.shape == k.entrance.shape && k.open.Load() > 0 {
		return nil
	}
	if k.secrets != nil {
		k.seal = newSeal(k.secrets)
	}
	r.vacate(k.entrance)
	k.sockets, err = r.openSockets(ctx, r.next, k.listener, k.seal)
	if err == nil {
		r.undos = append(r.undos, func(context.Context) { closeSockets(k.sockets) })
	}
	return err
}

// enterAnew opens a listener that was not there. If one that goes is in its way,
// that is closed first.
func (r *reloading) enterAnew(ctx context.Context, l *config.Listener) error {
	e, err := r.enter(ctx, r.guards, l)
	if errors.Is(err, syscall.EADDRINUSE) && r.clear(l) {
		e, err = r.enter(ctx, r.guards, l)
	}
	if err != nil {
		return err
	}
	r.opened = append(r.opened, e)
	r.undos = append(r.undos, func(context.Context) {
		e.close()
		e.way.Close(nil)
	})
	return nil
}

// clear closes the sockets of those that go and have the port of l. It reports
// whether there were any.
func (r *reloading) clear(l *config.Listener) (any bool) {
	for _, e := range r.gone {
		if e.place.port == l.Port && e.place.path == l.SocketPath && !e.retired.Load() {
			r.vacate(e)
			any = true
		}
	}
	return any
}

// vacate closes the sockets of a listener, which are opened again if the reload
// fails.
func (r *reloading) vacate(e *entrance) {
	if e.retired.Load() {
		return
	}
	e.close()
	e.serving.Wait()
	old := r.old
	r.undos = append(r.undos, func(ctx context.Context) {
		for _, l := range old.Listeners {
			if placeOf(old, l) != e.place {
				continue
			}
			sockets, err := r.openSockets(ctx, old, l, e.seal)
			if err != nil {
				r.logger.Error("listener failed", "listener", e.place.String(), "err", err)
				return
			}
			r.replace(e, sockets)
		}
	})
}

// undo undoes what prepare did, the last first.
func (r *reloading) undo(ctx context.Context) {
	for i := len(r.undos) - 1; i >= 0; i-- {
		r.undos[i](ctx)
	}
}

// commit puts everything in place.
func (r *reloading) commit() {
	switch now, before := r.guards.dynamic, r.daemon.guards.dynamic; {
	case now == nil || now != before:
		before.stop()
	default:
		now.reread()
	}
	r.broker.Change(r.brokerOptions(r.guards))
	r.figures.tree.Change(sysInterval(r.next))
	r.publishMode(r.next)
	if r.store != nil {
		r.store.ChangeSync(syncing(r.next))
	}
	entrances := make([]*entrance, 0, len(r.next.Listeners))
	for _, k := range r.kept {
		k.way.Change(r.guards.listenerOptions(k.listener))
		k.entrance.shape = k.shape
		switch {
		case k.sockets != nil:
			k.endAPI()
			k.api, k.entrance.seal = r.newAPI(r.next, k.listener), k.seal
			r.replace(k.entrance, k.sockets)
		case k.secrets != nil:
			r.renew(k.entrance, k.secrets)
		}
		entrances = append(entrances, k.entrance)
	}
	for _, e := range r.opened {
		r.serve(e)
		entrances = append(entrances, e)
	}
	before := r.daemon.guards
	r.entrances, r.config, r.daemon.guards = entrances, r.next, r.guards
	r.served.Store(r.next)
	r.noteEnds()
	r.deciding.Store(r.guards)
	r.expel(before)
	for _, e := range r.gone {
		e.close()
		e.endAPI()
		e.way.Close(fmt.Errorf("the listener was removed: %w", packet.AdministrativeAction))
	}
}

// expel disconnects those who have lost the right to be connected.
func (r *reloading) expel(g *guards) {
	before := make(map[place]broker.Authenticator)
	for _, l := range r.old.Listeners {
		before[placeOf(r.old, l)] = g.authenticator(l)
	}
	for _, k := range r.kept {
		now := r.guards.authenticator(k.listener)
		if _, ok := now.(broker.Reviewer); ok {
			r.expelled += k.way.Review()
			continue
		}
		if _, everybody := now.(claimed); now != nil && !everybody && now != before[k.place] {
			r.expelled += k.way.Connected()
			k.way.Disconnect(fmt.Errorf("who may connect was decided anew: %w", packet.NotAuthorized))
		}
	}
}

// replace gives a listener other sockets and lets clients in by them.
func (d *daemon) replace(e *entrance, sockets []net.Listener) {
	e.sockets = sockets
	e.retired.Store(false)
	d.serve(e)
}

func closeSockets(sockets []net.Listener) {
	for _, s := range sockets {
		_ = s.Close() // nobody has come by it
	}
}

// current is the configuration in force.
func (d *daemon) current() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.config
}

// reloadAndTell reloads and logs what came of it.
func (d *daemon) reloadAndTell(ctx context.Context) (*Reloaded, error) {
	d.process.reloading(d.logger)
	defer func() { d.process.reloaded(d.current(), d.logger) }()
	d.logger.Log(ctx, logs.LevelInformation, "configuration reloading", "file", d.options.Config.File)
	changes, warnings, err := d.reload(ctx)
	if err != nil {
		d.logger.Error("configuration not reloaded", "err", err)
		return nil, err
	}
	told := &Reloaded{Changes: []string{}, Warnings: append([]string{}, warnings...)}
	for _, text := range warnings {
		d.logger.Warn("configuration warning", "text", text)
	}
	for _, c := range changes {
		told.Changes = append(told.Changes, c)
		d.logger.Info("configuration changed", "text", c)
	}
	d.logger.Info("configuration reloaded", "changes", len(changes))
	return told, nil
}
