package logs

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

// syslogSockets are where a syslog daemon listens.
var syslogSockets = [...]string{"/dev/log", "/var/run/syslog", "/var/run/log"}

// daemonFacility is syslog's facility for daemons, localFacility the first of
// the eight for local use.
const (
	daemonFacility = 3
	localFacility  = 16
)

func facility(local *int) int {
	if local == nil {
		return daemonFacility
	}
	return localFacility + *local
}

// datagrams is a sink that sends each line to a socket of this machine. It
// connects again when whoever listens there was started anew.
type datagrams struct {
	connect func() (net.Conn, error)
	stream  bool // the socket wants an end after each line
	conn    net.Conn
}

// openSyslog does not connect yet: whoever listens may be started later.
func openSyslog(path string) sink {
	s := &datagrams{}
	s.connect = func() (c net.Conn, err error) {
		c, s.stream, err = dialSyslog(path)
		return c, err
	}
	return s
}

func dialSyslog(path string) (c net.Conn, stream bool, err error) {
	paths := syslogSockets[:]
	if path != "" {
		paths = []string{path}
	}
	for _, p := range paths {
		for _, network := range []string{"unixgram", "unix"} {
			// No context: it is a socket of this machine, which answers at once.
			if c, err = net.Dial(network, p); err == nil { //nolint:noctx // see above
				return c, network == "unix", nil
			}
		}
	}
	return nil, false, fmt.Errorf("nobody listens: %w", err)
}

// sendLimit is how long whoever listens may take to take a line.
const sendLimit = time.Second

func (s *datagrams) write(lines *batch) (int, error) {
	for i := range lines.ends {
		if err := s.send(lines.line(i)); err != nil {
			return i, err
		}
	}
	return len(lines.ends), nil
}

// send sends one line, over a new connection if the old one has ended.
func (s *datagrams) send(line []byte) (err error) {
	for range 2 {
		if s.conn == nil {
			if s.conn, err = s.connect(); err != nil {
				s.conn = nil
				return err
			}
		}
		if s.stream {
			line = append(line[:len(line):len(line)], 0)
		}
		if err = s.conn.SetWriteDeadline(time.Now().Add(sendLimit)); err == nil {
			_, err = s.conn.Write(line)
		}
		if err == nil {
			return nil
		}
		_ = s.conn.Close() // it is of no use any more
		s.conn = nil
	}
	return err
}

func (s *datagrams) close() error {
	if s.conn == nil {
		return nil
	}
	return s.conn.Close()
}

// appendSyslog appends a line as the local socket wants it, RFC 3164 without the
// host. The text begins with the time of the log, as in Mosquitto.
func appendSyslog(b []byte, k key, r *record, stamp func([]byte, time.Time) []byte) []byte {
	b = append(strconv.AppendInt(append(b, '<'), int64(k.facility<<3|r.kind.kind().priority), 10), '>')
	b = r.time.AppendFormat(b, time.Stamp)
	b = append(append(append(b, ' '), k.program...), '[')
	b = append(strconv.AppendInt(b, int64(os.Getpid()), 10), "]: "...)
	return appendClassic(b, r, stamp)
}
