package logs

import (
	"context"
	"log/slog"
)

// handler is how log/slog reaches a Log.
type handler struct {
	log   *Log
	attrs []slog.Attr
	group string
}

var _ slog.Handler = (*handler)(nil)

// Enabled reports whether lines of a level are written anywhere.
func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	s := h.log.setup.Load()
	return s.options.Types&typeOf(level) != 0 && len(s.destinations) > 0
}

// Handle queues a line.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	l := h.log
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.setup.Load()
	t := typeOf(r.Level)
	if l.closed || s.options.Types&t == 0 || !s.options.ConnectionMessages && ofConnection(r.Message) {
		return nil
	}
	if l.limits.hide(r.Message, t, r.Time) {
		l.later()
		return nil
	}
	line := &l.line
	line.set(h, &r, t)
	if l.folded.hides(line) {
		l.later()
		return nil
	}
	l.folded.report(r.Time, func(told *record) { s.queue(told) })
	l.folded.remember(line)
	s.queue(line)
	return nil
}

// ofConnection reports whether a message says who connects or disconnects.
func ofConnection(message string) bool {
	return message == msgAccepted || message == msgNegotiated || message == msgConnected || message == msgDisconnected
}

// WithAttrs returns a handler that adds attributes to each line.
func (h *handler) WithAttrs(more []slog.Attr) slog.Handler {
	fresh := *h
	fresh.attrs = append([]slog.Attr(nil), h.attrs...)
	for _, one := range more {
		one.Key = h.group + one.Key
		fresh.attrs = append(fresh.attrs, one)
	}
	return &fresh
}

// WithGroup returns a handler that begins the names of further attributes with
// that of the group.
func (h *handler) WithGroup(name string) slog.Handler {
	fresh := *h
	if name != "" {
		fresh.group = h.group + name + "."
	}
	return &fresh
}
