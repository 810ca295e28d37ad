package service

import (
	"os"
	"os/signal"
	"slices"
)

// Request is what a signal asks the program for.
type Request int

// The requests. That to end comes by a context, as everywhere.
const (
	Reload    Request = iota // read the configuration anew
	RotateLog                // begin a new log file
	Save                     // write to disk what is not there yet
	PrintTree                // log subscriptions and retained messages
	Report                   // log figures
	Shutdown                 // end; only to be sent
)

// words are the requests as mosquitto_signal names them; Save has no word.
var words = [...]string{
	Reload: "config-reload", RotateLog: "log-rotate", PrintTree: "tree-print", Report: "xtreport", Shutdown: "shutdown",
}

// Words are the names of the requests that can be sent, in alphabetical order.
func Words() []string {
	all := slices.DeleteFunc(slices.Clone(words[:]), func(w string) bool { return w == "" })
	slices.Sort(all)
	return all
}

// ParseRequest returns the request of a name.
func ParseRequest(word string) (r Request, ok bool) {
	i := slices.Index(words[:], word)
	return Request(i), i >= 0 && word != ""
}

// waiting is how many requests may wait. One that waits already need not wait
// twice, and a program that does not come round to so many has to be ended.
const waiting = 16

// Requests returns a channel of what signals ask for. The signals do nothing
// else from then on, until stop is called.
func Requests() (requests <-chan Request, stop func()) {
	signals := make(chan os.Signal, waiting)
	for s := range requestOf() {
		signal.Notify(signals, s) // all but one, which needs more
	}
	stopRealtime := notifyRealtime(signals)
	out, done := make(chan Request), make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case s := <-signals:
				select {
				case out <- requestOf()[s]:
				case <-done:
					return
				}
			case <-done:
				return
			}
		}
	}()
	return out, func() {
		signal.Stop(signals)
		stopRealtime()
		close(done)
		<-ended
	}
}
