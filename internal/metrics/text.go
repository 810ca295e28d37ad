package metrics

import (
	"cmp"
	"strconv"
)

// AppendText appends the figures in the text format of Prometheus. Rows of one
// series stand together in the table, as the format asks for.
func AppendText(b []byte, s *Sample) []byte {
	const prefix = "zancudo_"
	last := ""
	for i := range table {
		row := &table[i]
		if row.Name != last {
			kind := "gauge"
			if row.Kind == Counter {
				kind = "counter"
			}
			b = append(b, "# HELP "+prefix+row.Name+" "+cmp.Or(row.Series, row.Help)+".\n# TYPE "+prefix+row.Name+" "+kind+"\n"...)
			last = row.Name
		}
		b = append(append(b, prefix...), row.Name...)
		if row.Labels != "" {
			b = append(append(append(b, '{'), row.Labels...), '}')
		}
		b = append(strconv.AppendInt(append(b, ' '), row.Value(s), 10), '\n')
	}
	b = appendCertificates(b, s)
	b = append(b, "# HELP "+prefix+"uptime_seconds Seconds since the broker was started.\n# TYPE "+prefix+"uptime_seconds gauge\n"+prefix+"uptime_seconds "...)
	return append(strconv.AppendFloat(b, s.Uptime.Seconds(), 'f', 3, 64), '\n')
}
