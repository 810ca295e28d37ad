package logs

// What the log says of rights.
const (
	msgForbidden     = "access denied"
	msgWouldForbid   = "access would be denied"
	msgForbiddenMany = "access denied to many"
)

// appendForbidden appends what a client may not do, and what says so.
func appendForbidden(b []byte, message string, a attrs) []byte {
	b = appendText(append(b, "Client "...), a.text("client"))
	if user := a.text("user"); user != "" {
		b = append(appendText(append(b, ", user "...), user), ',')
	}
	if message == msgWouldForbid {
		b = append(b, " would not be allowed to "...)
	} else {
		b = append(b, " may not "...)
	}
	action := a.text("action")
	b = append(b, action...)
	switch filter, more := a.text("filter"), a.text("more"); {
	case more != "":
		b = append(append(append(b, ", "...), more...), " times more"...)
	case filter != "":
		b = append(appendText(append(b, " to '"...), filter), '\'')
	case action == "receive":
		b = append(appendText(append(b, " '"...), a.text("topic")), '\'')
	default:
		b = append(appendText(append(b, " to '"...), a.text("topic")), '\'')
	}
	return append(appendText(append(b, ": "...), a.text("err")), '.')
}
