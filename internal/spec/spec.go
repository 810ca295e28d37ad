package spec

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

// A Statement is one normative statement: its number, not its sentence.
type Statement struct {
	ID        string // as cited: MQTT-3.1.2-22, or MQTT3-3.1.2-22 for one of MQTT 3.1.1
	Binds     Party
	Exception string // why neither a dialogue nor a test shows it; empty means that one must
}

// A Party is whom a statement binds.
type Party string

// The parties. Both includes statements about a client's packets whose violation a server must answer.
const (
	Server Party = "server"
	Client Party = "client"
	Both   Party = "both"
)

//go:embed statements.txt
var list string

// Statements returns every statement in the order of the standards.
func Statements() ([]Statement, error) {
	var all []Statement
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, rest, _ := strings.Cut(line, " ")
		binds, exception, _ := strings.Cut(rest, " ")
		switch Party(binds) {
		case Server, Client, Both:
		default:
			return nil, fmt.Errorf("statement %s: binds %q, want server, client or both", id, binds)
		}
		all = append(all, Statement{ID: id, Binds: Party(binds), Exception: exception})
	}
	return all, nil
}

// Cited returns the ids in text, in order, also those that no standard has.
func Cited(text string) []string {
	return citation.FindAllString(text, -1)
}

var citation = regexp.MustCompile(`\bMQTT3?-\d+(?:\.\d+)+-\d+\b`)
