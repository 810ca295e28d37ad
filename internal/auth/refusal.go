package auth

import (
	"errors"
	"fmt"
	"time"

	"github.com/zancudomq/zancudo/packet"
)

// Refusal is an error that refuses a client: why is for the log, the reason
// string for the client. It does not tell whether a user exists.
type Refusal struct {
	code        packet.ReasonCode
	why, advice string
}

func (r *Refusal) Error() string { return r.why }

// Unwrap is the reason code.
func (r *Refusal) Unwrap() error { return r.code }

// ReasonString is what a client of MQTT 5.0 is told.
func (r *Refusal) ReasonString() string { return r.advice }

func wrong(why string) *Refusal {
	return &Refusal{packet.NotAuthorized, why, "Check the user name and the password."}
}

func missing(what string) *Refusal {
	return &Refusal{packet.NotAuthorized, "no " + what, "Give a user name and a password."}
}

func tooSoon(left time.Duration) *Refusal {
	left = left.Truncate(time.Second) + time.Second
	return &Refusal{
		packet.ConnectionRateExceeded, fmt.Sprintf("too many failed logins, none is looked at for another %v", left),
		fmt.Sprintf("Too many failed logins: wait %v, and check the user name and the password.", left),
	}
}

// errBusy is the cause when too many logins wait already.
var errBusy = errors.New("too many logins at once")

// busy refuses a login that was not decided, because of err.
func busy(err error) *Refusal {
	return &Refusal{packet.ServerBusy, fmt.Sprintf("the login was not verified: %v", err), "Too many logins at once: try again in a moment."}
}
