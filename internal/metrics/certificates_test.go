package metrics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zancudomq/zancudo/packet"
)

func TestCertificates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	said := map[string]string{}
	tree := NewTree(TreeOptions{Publish: func(m *packet.Message) error {
		if said[m.Topic] = string(m.Payload); len(m.Payload) == 0 {
			delete(said, m.Topic)
		}
		return nil
	}})
	s := &Sample{Certificates: []Certificate{
		{"8883", "crlfile", now.Add(-time.Minute)}, {"8883", "certfile", now.Add(47 * time.Hour)}, {"127.0.0.1:8884", "certfile", now.Add(time.Hour)},
	}}
	tree.certificates(s, now)
	want := map[string]string{
		"$SYS/broker/certificates/8883/crlfile/days": "-1", "$SYS/broker/certificates/8883/crlfile/until": "2026-01-01T11:59:00Z",
		"$SYS/broker/certificates/8883/certfile/days": "1", "$SYS/broker/certificates/8883/certfile/until": "2026-01-03T11:00:00Z",
		"$SYS/broker/certificates/127.0.0.1:8884/certfile/days": "0", "$SYS/broker/certificates/127.0.0.1:8884/certfile/until": "2026-01-01T13:00:00Z",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
	text := `# HELP zancudo_certificate_end_timestamp_seconds When a file of a listener with TLS has to be renewed.
# TYPE zancudo_certificate_end_timestamp_seconds gauge
zancudo_certificate_end_timestamp_seconds{listener="127.0.0.1:8884",file="certfile"} 1767272400
zancudo_certificate_end_timestamp_seconds{listener="8883",file="certfile"} 1767438000
zancudo_certificate_end_timestamp_seconds{listener="8883",file="crlfile"} 1767268740
`
	if diff := cmp.Diff(text, string(appendCertificates(nil, s))); diff != "" {
		t.Error(diff)
	}
	tree.certificates(&Sample{}, now)
	if len(said) != 0 {
		t.Errorf("%q stays", said)
	}
}
