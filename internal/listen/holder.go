package listen

import (
	"fmt"
	"os"
	"strings"
)

// Holder is who listens where a socket was to be opened, as far as that can be
// found out.
type Holder struct {
	PID     int    // of the process; 0: not known
	Program string // what the system calls that process
	Unit    string // systemd's name for the service that it is of; empty: not known, or none
	// Version is what a broker there says of itself, such as "mosquitto version
	// 2.0.11"; empty: nobody has asked, or it does not say.
	Version string
}

// String is a sentence; empty: nothing is known.
func (h Holder) String() string {
	var process string
	switch {
	case h.PID == os.Getpid():
		return "This process itself listens there:"
	case h.PID != 0 && h.Unit != "":
		process = fmt.Sprintf("process %d (%s) of %s", h.PID, h.Program, h.Unit)
	case h.PID != 0:
		process = fmt.Sprintf("process %d (%s)", h.PID, h.Program)
	}
	switch {
	case h.Version != "" && process != "":
		return h.Version + " listens there, " + process + "."
	case h.Version != "":
		return h.Version + " listens there."
	case process != "":
		return "It is used by " + process + "."
	default:
		return ""
	}
}

// remedy says how to go on.
func (h Holder) remedy() string {
	const elsewhere = "choose another port, with -p or in the configuration."
	mosquitto := strings.HasPrefix(h.Version, "mosquitto ") || h.Program == "mosquitto"
	var text string
	switch {
	case h.PID == os.Getpid():
		return elsewhere
	case h.Unit != "":
		text = fmt.Sprintf("Stop it, with 'systemctl disable --now %s', or %s", strings.TrimSuffix(h.Unit, ".service"), elsewhere)
	case mosquitto && h.PID == 0: // not ours to see, as what runs as a service
		text = "Stop it, with 'systemctl disable --now mosquitto' if it is a service of this machine, or " + elsewhere
	case h.PID != 0:
		text = fmt.Sprintf("Stop it, with 'kill %d', or %s", h.PID, elsewhere)
	default:
		text = "Stop the program that listens there, perhaps another broker, or " + elsewhere
	}
	if mosquitto {
		text += " Debian's package zancudo-mosquitto takes its place, with its configuration and what it has stored."
	}
	return text
}
