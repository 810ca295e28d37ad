package bench

import "time"

// progress is what Options.Progress was told last.
type progress struct {
	phase          string
	began, told    int64
	sent, received uint64 // when it was told
	base           [2]uint64
}

const progressStep = int64(250 * time.Millisecond)

// phase begins a phase of the run.
func (e *engine) phase(name string) {
	e.tick()
	sent, received := e.traffic()
	e.progress = progress{phase: name, began: e.now, told: e.now, sent: sent, received: received, base: [2]uint64{sent, received}}
}

func (e *engine) traffic() (sent, received uint64) {
	if e.books == nil {
		return 0, 0
	}
	return e.flow.sent, e.books.received
}

// report tells how far the phase is, if it is time to.
func (e *engine) report() {
	p := &e.progress
	if e.o.Progress == nil || e.now-p.told < progressStep {
		return
	}
	sent, received := e.traffic()
	lately := float64(e.now-p.told) / 1e9
	e.o.Progress(Progress{
		Phase: p.phase, Elapsed: time.Duration(e.now - p.began),
		Sent: sent - min(sent, p.base[0]), Received: received - min(received, p.base[1]),
		InRate:  float64(sent-min(sent, p.sent)) / lately,
		OutRate: float64(received-min(received, p.received)) / lately,
	})
	p.told, p.sent, p.received = e.now, sent, received
}
