package dynsec

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/topic"
)

// maxName is more than any name on the wire can have.
const maxName = 65_535

// checkName checks the name of a client, group or role.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case len(name) > maxName:
		return fmt.Errorf("it has more than %d bytes", maxName)
	case !utf8.ValidString(name):
		return errors.New("it is not valid UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("it has control characters")
	}
	return nil
}

func checkTopic(k kind, filter string) error {
	if err := topic.ValidateFilter(filter); err != nil {
		return fmt.Errorf("topic %q of %v: %w", filter, k, err)
	}
	return nil
}
