package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/zancudomq/zancudo/internal/metrics"
)

// LoginsRequest asks the console for those whose logins have to wait, and may
// have their failures forgotten first.
type LoginsRequest struct {
	Lift    string `json:"lift,omitempty"` // the failures of this address
	LiftAll bool   `json:"lift_all,omitempty"`
}

// Logins is the answer.
type Logins struct {
	Slowed []SlowedLogin `json:"slowed"`
	Lifted int           `json:"lifted"`
}

// SlowedLogin is somebody whose next login has to wait.
type SlowedLogin struct {
	Address  string  `json:"address"` // a /64 for IPv6, or "unix socket"
	User     string  `json:"user"`    // empty: all users of the address
	Failures int     `json:"failures"`
	Seconds  float64 `json:"seconds"` // to wait
}

// Left is how long the next login has to wait.
func (s *SlowedLogin) Left() time.Duration {
	return time.Duration(s.Seconds * float64(time.Second)).Round(time.Second)
}

func (d *daemon) handleLogins(_ context.Context, in []byte) (any, error) {
	var q LoginsRequest
	if len(in) > 0 {
		if err := json.Unmarshal(in, &q); err != nil {
			return nil, fmt.Errorf("the request makes no sense: %w", err)
		}
	}
	told := Logins{Slowed: []SlowedLogin{}}
	switch {
	case q.LiftAll:
		told.Lifted = d.verifier.Lift()
	case q.Lift != "":
		ip, err := netip.ParseAddr(q.Lift)
		if err != nil {
			return nil, fmt.Errorf("'%s' is no IP address", q.Lift)
		}
		told.Lifted = d.verifier.LiftAddress(ip)
	}
	if told.Lifted > 0 {
		d.logger.Info("logins not slowed down any more", "lifted", told.Lifted)
	}
	for _, s := range d.verifier.Slowed() {
		told.Slowed = append(told.Slowed, SlowedLogin{Address: s.Source, User: s.User, Failures: s.Failures, Seconds: s.Left.Seconds()})
	}
	return told, nil
}

// loginFigures are those of the Verifier, and of certificates.
func (d *daemon) loginFigures() metrics.Logins {
	c := d.verifier.Counters()
	return metrics.Logins{
		Succeeded: c.Succeeded, Remembered: c.Remembered, Failed: c.Failed, Delayed: c.Delayed, Refused: c.Refused, Busy: c.Busy,
		Waiting: c.Waiting, Ending: d.clientEnds.count.Load(), Slowed: len(d.verifier.Slowed()),
	}
}
