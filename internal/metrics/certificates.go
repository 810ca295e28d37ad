package metrics

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Certificate is when something of a listener with TLS ends. Listeners come and
// go, so it has no row in the table.
type Certificate struct {
	Listener string // its port, or address and port
	Word     string // of the configuration, that names the file: certfile, cafile or crlfile
	Until    time.Time
}

const certificatesTopic = "certificates/"

// certificates publishes how many days each is good for yet, and until when.
// What is not there any more is removed.
func (t *Tree) certificates(s *Sample, now time.Time) {
	said := make(map[string]bool)
	for _, c := range s.Certificates {
		name := certificatesTopic + c.Listener + "/" + c.Word
		t.say(name+"/days", strconv.Itoa(c.days(now)))
		t.say(name+"/until", c.Until.UTC().Format(time.RFC3339))
		said[name+"/days"], said[name+"/until"] = true, true
	}
	for name := range t.published {
		if strings.HasPrefix(name, certificatesTopic) && !said[name] {
			t.remove(name)
		}
	}
}

// days are whole ones; negative: it has ended.
func (c *Certificate) days(now time.Time) int {
	left := c.Until.Sub(now)
	if left < 0 {
		left -= 24 * time.Hour
	}
	return int(left / (24 * time.Hour))
}

// appendCertificates appends the series of what ends, if there are any.
func appendCertificates(b []byte, s *Sample) []byte {
	if len(s.Certificates) == 0 {
		return b
	}
	const name = "zancudo_certificate_end_timestamp_seconds"
	b = append(b, "# HELP "+name+" When a file of a listener with TLS has to be renewed.\n# TYPE "+name+" gauge\n"...)
	sorted := slices.SortedFunc(slices.Values(s.Certificates), func(a, b Certificate) int {
		return strings.Compare(a.Listener+"\x00"+a.Word, b.Listener+"\x00"+b.Word)
	})
	for _, c := range sorted {
		b = append(b, name+"{listener="+strconv.Quote(c.Listener)+",file="+strconv.Quote(c.Word)+"} "...)
		b = append(strconv.AppendInt(b, c.Until.Unix(), 10), '\n')
	}
	return b
}
