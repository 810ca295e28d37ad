package logs

import "log/slog"

// Types is a set of kinds of log lines.
type Types uint16

// The kinds of log lines, as Mosquitto knows them.
const (
	Error Types = 1 << iota
	Warning
	Notice
	Information
	Debug
	Subscribe
	Unsubscribe
	WebSockets
	Internal

	All Types = 1<<iota - 1
)

// The levels of the kinds that log/slog has no level for. Mosquitto's notice is
// slog.LevelInfo; those below slog.LevelDebug are no matter of severity.
const (
	LevelInformation = slog.LevelInfo - 2
	LevelSubscribe   = slog.LevelDebug - 1
	LevelUnsubscribe = slog.LevelDebug - 2
	LevelWebSockets  = slog.LevelDebug - 3
	LevelInternal    = slog.LevelDebug - 4
)

func typeOf(level slog.Level) Types {
	switch {
	case level >= slog.LevelError:
		return Error
	case level >= slog.LevelWarn:
		return Warning
	case level >= slog.LevelInfo:
		return Notice
	case level >= LevelInformation:
		return Information
	case level >= slog.LevelDebug:
		return Debug
	case level == LevelSubscribe:
		return Subscribe
	case level == LevelUnsubscribe:
		return Unsubscribe
	case level == LevelWebSockets:
		return WebSockets
	default:
		return Internal
	}
}

// kind is what is said of a type where it matters.
type kind struct {
	name     string // in JSON
	prefix   string // of a classic line
	priority int    // of syslog
	topic    string // below $SYS/broker/log/; empty: none
}

// kind returns the row of a single type.
func (t Types) kind() kind {
	switch t {
	case Error:
		return kind{"error", "Error: ", 3, "E"}
	case Warning:
		return kind{"warning", "Warning: ", 4, "W"}
	case Notice:
		return kind{"notice", "", 5, "N"}
	case Information:
		return kind{"information", "", 6, "I"}
	case Debug:
		return kind{"debug", "", 7, "D"}
	case Subscribe:
		return kind{"subscribe", "", 5, "M/subscribe"}
	case Unsubscribe:
		return kind{"unsubscribe", "", 5, "M/unsubscribe"}
	case WebSockets:
		return kind{"websockets", "", 7, "WS"}
	default:
		return kind{"internal", "", 7, ""}
	}
}
