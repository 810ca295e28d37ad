package recording

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
)

// base64Encoding is how encoding/json writes bytes.
var base64Encoding = base64.StdEncoding

// appendSeconds appends seconds with six digits behind the point.
func appendSeconds(b []byte, d time.Duration) []byte {
	d = max(d, 0)
	b = strconv.AppendInt(b, int64(d/time.Second), 10)
	micros := strconv.AppendInt(nil, int64(d%time.Second/time.Microsecond)+1e6, 10)
	micros[0] = '.'
	return append(b, micros...)
}

// appendText appends a string in quotes.
func appendText(b []byte, s string) []byte { return append(b, marshal(s)...) }

// marshal writes a value that can be written, without escaping what is special
// in HTML only.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a bug: only strings, numbers and the like come here
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
