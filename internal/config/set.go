package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader is a value that reads its line itself.
type reader interface {
	// read takes what follows the word. A Problem has no place yet.
	read(w *Word, rest string) *Problem
}

// list is a value that grows with every line.
type list interface {
	reader
	// reset prepares for the first line: what was there is the default.
	reset()
}

// setDefaults gives all words of some scopes their defaults.
func setDefaults(t target, scopes ...Scope) {
	for i := range words {
		if w := &words[i]; slices.Contains(scopes, w.Scope) {
			w.setDefault(t)
		}
	}
}

func (w *Word) setDefault(t target) {
	if w.Default == "" {
		return
	}
	for value := range strings.SplitSeq(w.Default, ", ") {
		if problem := w.set(t, value); problem != nil {
			panic(fmt.Sprintf("default of %s: %v", w.Name, problem)) // a test reads every row
		}
	}
}

// set reads what follows the word in its line. A Problem has no place yet.
func (w *Word) set(t target, rest string) *Problem {
	token := firstToken(rest)
	if token == "" {
		return w.empty()
	}
	switch v := w.place(t).(type) {
	case *bool:
		return w.setBool(v, token)
	case **bool:
		*v = new(bool)
		return w.setBool(*v, token)
	case *int:
		return w.setInt(token, func(n int64) { *v = int(min(n, math.MaxInt)) })
	case **int:
		*v = new(int)
		return w.setInt(token, func(n int64) { **v = int(n) })
	case *uint32:
		return w.setInt(token, func(n int64) { *v = uint32(n) })
	case *string:
		return w.setString(v, rest)
	case *time.Duration:
		return w.setDuration(v, token)
	case reader:
		return v.read(w, rest)
	default:
		panic(fmt.Sprintf("%s goes into a %T", w.Name, v))
	}
}

// Example is a line that has the word and a value.
func (w *Word) Example() string {
	value := "TEXT"
	switch {
	case w.Sample != "":
		value = w.Sample
	case w.Default != "" && w.Kind != List:
		value = w.Default
	case w.Kind == Bool:
		value = "true"
	case w.Kind == Integer:
		value = strconv.FormatInt(max(w.Min, 10), 10)
	case w.Kind == Duration:
		value = "30d"
	case len(w.Choices) > 0:
		value = w.Choices[0]
	case w.Value != "":
		value = w.Value
	}
	return w.Name + " " + value
}

func (w *Word) empty() *Problem {
	return &Problem{
		Text:   fmt.Sprintf("Empty '%s' value in configuration.", w.Name),
		Remedy: fmt.Sprintf("Write it as in '%s'.", w.Example()),
	}
}

func (w *Word) invalid(value, remedy string) *Problem {
	if w.Secret {
		value = "..."
	}
	return &Problem{Text: fmt.Sprintf("Invalid '%s' value (%s).", w.Name, clean(value)), Remedy: remedy}
}

func (w *Word) notText() *Problem {
	return &Problem{Text: fmt.Sprintf("Invalid '%s' value in configuration.", w.Name), Remedy: "It is not UTF-8, has a null character, or is longer than 65535 bytes."}
}

// notOneOf is the problem of a value that is none of the choices.
func (w *Word) notOneOf(token string) *Problem {
	p := w.invalid(token, fmt.Sprintf("It is %s.", either(w.Choices)))
	if near := nearest(token, slices.Values(w.Choices)); near != "" {
		p.Suggestion = near
	}
	return p
}

// either joins choices as a sentence does.
func either(choices []string) string {
	last := len(choices) - 1
	if last < 1 {
		return strings.Join(choices, "")
	}
	return strings.Join(choices[:last], ", ") + " or " + choices[last]
}

func (w *Word) setBool(v *bool, token string) *Problem {
	switch token {
	case "true", "1":
		*v = true
	case "false", "0":
		*v = false
	default:
		return w.invalid(token, "It is either true or false, in small letters.")
	}
	return nil
}

func (w *Word) setInt(token string, set func(int64)) *Problem {
	n, ok := parseInt(token)
	if !ok {
		return &Problem{
			Text:   fmt.Sprintf("'%s' value not a number.", w.Name),
			Remedy: fmt.Sprintf("Write digits only instead of '%s'.", clean(token)),
		}
	}
	if w.Lenient {
		n = max(n, w.Min)
	}
	if n < w.Min || n > w.Max {
		return &Problem{Text: w.outside(n), Remedy: fmt.Sprintf("It is %d.", n)}
	}
	set(n)
	return nil
}

// outside says what n should be, in Mosquitto's way.
func (w *Word) outside(n int64) string {
	switch {
	case w.bounds != "":
		return w.bounds
	case n > w.Max && w.Max > 7:
		return fmt.Sprintf("'%s' must be <= %d.", w.Name, w.Max)
	case n < w.Min && w.Max >= unbounded:
		return fmt.Sprintf("'%s' must be >= %d.", w.Name, w.Min)
	default:
		return fmt.Sprintf("'%s' must be between %d and %d inclusive.", w.Name, w.Min, w.Max)
	}
}

// unbounded is the Max of an Integer that the language leaves open.
const unbounded = math.MaxInt64 / 2

func (w *Word) setString(v *string, rest string) *Problem {
	if w.Kind == Choice {
		token := firstToken(rest)
		if !slices.Contains(w.Choices, token) {
			return w.notOneOf(token)
		}
		*v = token
		return nil
	}
	switch {
	case !validText(rest):
		return w.notText()
	case w.Max > 0 && int64(len(rest)) > w.Max:
		return &Problem{Text: fmt.Sprintf("'%s' length must be <= %d.", w.Name, w.Max), Remedy: fmt.Sprintf("It is %d.", len(rest))}
	}
	if w.check != nil {
		if problem := w.check(w, rest); problem != nil {
			return problem
		}
	}
	*v = rest
	return nil
}

// noWildcards is the check of mount_point.
func noWildcards(w *Word, value string) *Problem {
	if !strings.ContainsAny(value, "+#") {
		return nil
	}
	p := w.invalid(value, "Take out + and #.")
	p.Text += " Does it contain a wildcard character?"
	return p
}

// networks is the check of addresses and networks, as far as it can be done
// without package net: who uses them parses them.
func networks(w *Word, value string) *Problem {
	for field := range strings.FieldsSeq(value) {
		address, bits, network := strings.Cut(field, "/")
		if !strings.ContainsAny(address, ".:") || strings.Trim(address, "0123456789abcdefABCDEF.:") != "" || network && (bits == "" || strings.Trim(bits, "0123456789") != "") {
			return w.invalid(field, "Write addresses or networks, such as 192.168.1.5 or 10.0.0.0/8, with blanks between them.")
		}
	}
	return nil
}

// hexadecimal is the check of keys and hashes.
func hexadecimal(w *Word, value string) *Problem {
	if strings.Trim(value, "0123456789abcdefABCDEF") == "" && len(value)%2 == 0 {
		return nil
	}
	return w.invalid(value, "Write two of 0 to 9 and a to f for each byte, without 0x.")
}

func (w *Word) setDuration(v *time.Duration, token string) *Problem {
	d, ok := parseDuration(token)
	if !ok {
		return &Problem{
			Text:   fmt.Sprintf("Invalid '%s' duration in configuration.", w.Name),
			Remedy: fmt.Sprintf("Instead of '%s' write a number and h, d, w, m or y for hours, days, weeks, months of 30 days or years.", clean(token)),
		}
	}
	*v = d
	return nil
}
