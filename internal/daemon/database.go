package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/zancudomq/zancudo/internal/console"
	"github.com/zancudomq/zancudo/internal/fact"
	"github.com/zancudomq/zancudo/internal/store"
)

// Checked is what a look at all facts of a store has found.
type Checked struct {
	Facts    int      `json:"facts"`    // that can be read
	Holds    string   `json:"holds"`    // what they are: 5 sessions, 2 retained messages
	Damages  []string `json:"damages"`  // what cannot be read and is lost, a sentence for each
	Problems []string `json:"problems"` // facts that are of no use, a sentence for each
}

// Fine reports whether nothing is wrong.
func (c *Checked) Fine() bool { return len(c.Damages)+len(c.Problems) == 0 }

// CheckStore looks at all facts that read gives to two passes. The Audit knows
// which of them are useless.
func CheckStore(read func(passes ...store.Pass) (store.Report, error)) (*Checked, *fact.Audit, error) {
	a := &fact.Audit{}
	r, err := read(
		func(key, value []byte) bool { a.Meet(key, value); return true },
		func(key, value []byte) bool { a.Add(key, value); return true },
	)
	if err != nil {
		return nil, nil, err
	}
	c := &Checked{Facts: r.Facts, Problems: append([]string{}, a.Problems()...), Holds: a.Count.String(), Damages: []string{}}
	for i := range r.Damages {
		c.Damages = append(c.Damages, DamageText(&r.Damages[i], &a.Describer))
	}
	return c, a, nil
}

// DamageText says what is damaged and what is lost with it.
func DamageText(d *store.Damage, who *fact.Describer) string {
	text := fmt.Sprintf("%s: %s", d.File, d.Err)
	switch {
	case len(d.From) > 0 && len(d.To) > 0:
		return fmt.Sprintf("%s; lost are changes between %s and %s", text, who.Key(d.From), who.Key(d.To))
	case len(d.From) > 0:
		return fmt.Sprintf("%s; lost are changes after %s", text, who.Key(d.From))
	case len(d.To) > 0:
		return fmt.Sprintf("%s; lost are changes before %s", text, who.Key(d.To))
	case strings.HasSuffix(d.File, ".sst"):
		return text + "; lost is all that it held"
	case strings.HasSuffix(d.File, ".log"):
		return text + "; lost is what comes after that"
	}
	return text
}

// Dump writes facts in words, a line for each. facts gives them to a pass; it is
// called twice.
func Dump(w io.Writer, who fact.Describer, facts func(pass store.Pass) error) error {
	if err := facts(func(key, value []byte) bool { who.Meet(key, value); return true }); err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	var failed error
	err := facts(func(key, value []byte) bool {
		_, failed = out.WriteString(who.Describe(key, value) + "\n")
		return failed == nil
	})
	return errors.Join(err, failed, out.Flush())
}

// DumpRequest is the console's request for a dump.
type DumpRequest struct {
	Payloads bool `json:"payloads"` // show what messages say
}

// databaseRequests are what the console answers about the store.
func (d *daemon) databaseRequests() map[string]console.Handler {
	stream := func(write func(io.Writer) error) (any, error) { return console.Stream(write), nil }
	requests := map[string]func(in []byte) (any, error){
		"backup": func([]byte) (any, error) { return stream(d.store.Backup) },
		"export": func([]byte) (any, error) { return stream(d.store.Export) },
		"check": func([]byte) (any, error) {
			c, _, err := CheckStore(d.store.Verify)
			return c, err
		},
		"dump": func(in []byte) (any, error) {
			var asked DumpRequest
			if err := json.Unmarshal(in, &asked); err != nil {
				return nil, fmt.Errorf("read the request: %w", err)
			}
			return stream(func(w io.Writer) error {
				return Dump(w, fact.Describer{Payloads: asked.Payloads}, func(pass store.Pass) error { return d.store.Range(nil, nil, pass) })
			})
		},
	}
	handlers := map[string]console.Handler{}
	for name, answer := range requests {
		handlers[name] = func(_ context.Context, in []byte) (any, error) {
			if d.store == nil {
				return nil, fmt.Errorf("broker %d keeps nothing on disk: 'persistence' is false", os.Getpid())
			}
			return answer(in)
		}
	}
	return handlers
}
