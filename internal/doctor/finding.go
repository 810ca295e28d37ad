package doctor

// Level says how serious a Finding is.
type Level string

// The levels of findings.
const (
	OK      Level = "ok"
	Note    Level = "note"    // worth to know
	Problem Level = "problem" // the broker cannot be used as asked
)

// The checks, in their order.
const (
	CheckAddress     = "address"     // the DNS
	CheckConnection  = "connection"  // TCP
	CheckProtocol    = "protocol"    // what speaks there
	CheckTLS         = "tls"         // the handshake
	CheckCertificate = "certificate" // the server's
	CheckClock       = "clock"
	CheckVersion     = "version" // of MQTT
	CheckLogin       = "login"
	CheckLimits      = "limits"
	CheckPing        = "ping"
	CheckBroker      = "broker" // which one it is
	CheckTopics      = "topics" // what the user may do
)

// A Finding is what a check found.
type Finding struct {
	Check  string `json:"check"` // one of the constants
	Level  Level  `json:"level"`
	Text   string `json:"text"`             // a sentence on what was found
	Remedy string `json:"remedy,omitempty"` // a sentence on what to do; empty: nothing is to be done
}

// A Report is the result of an examination.
type Report struct {
	Address  string    `json:"address"` // as the options have it
	Findings []Finding `json:"findings"`
	// Err is what a client would have failed with; nil: nothing, or it has no error of its own.
	Err error `json:"-"`
}

// OK reports whether the broker is usable as asked.
func (r *Report) OK() bool { return r.Count(Problem) == 0 && r.Err == nil }

// Count is how many findings there are of a level.
func (r *Report) Count(l Level) (n int) {
	for _, f := range r.Findings {
		if f.Level == l {
			n++
		}
	}
	return n
}
