package flags

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// A Setter takes the values of a flag, as many as its row says. Its error is
// what the flag takes, as in "a number from 1 to 9", of which Parse makes a
// sentence; or a sentence of its own, made by Errorf.
type Setter func(values []string) error

// Help and Version are the Setters of the flags that ask for them.
var (
	Help    Setter = func([]string) error { return ErrHelp }
	Version Setter = func([]string) error { return ErrVersion }
)

// Do takes a flag without a value.
func Do(f func() error) Setter { return func([]string) error { return f() } }

// With hands the one value of a flag to f.
func With(f func(value string) error) Setter { return func(v []string) error { return f(v[0]) } }

// True makes to true.
func True(to *bool) Setter { return To(to, true) }

// To makes to value, for a flag that takes none.
func To[T any](to *T, value T) Setter {
	return func([]string) error {
		*to = value
		return nil
	}
}

// Text takes any text.
func Text(to *string) Setter {
	return func(v []string) error {
		*to = v[0]
		return nil
	}
}

// Given takes any text but the empty one.
func Given(to *string) Setter {
	return func(v []string) error {
		if v[0] == "" {
			return errors.New("a text that is not empty")
		}
		*to = v[0]
		return nil
	}
}

// Append appends any text.
func Append(to *[]string) Setter {
	return func(v []string) error {
		*to = append(*to, v[0])
		return nil
	}
}

// Integer are the types that Int fills in.
type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32
}

// Int takes a whole number from least to most.
func Int[T Integer](to *T, least, most T) Setter {
	return func(v []string) error {
		n, err := strconv.ParseInt(v[0], 10, 64)
		if err != nil || n < int64(least) || n > int64(most) {
			return fmt.Errorf("a number from %d to %d", least, most)
		}
		*to = T(n)
		return nil
	}
}

// Float takes a number from least to most.
func Float(to *float64, least, most float64) Setter {
	return func(v []string) error {
		x, err := strconv.ParseFloat(v[0], 64)
		if err != nil || !(x >= least && x <= most) {
			return fmt.Errorf("a number from %v to %v", least, most)
		}
		*to = x
		return nil
	}
}

// Duration takes seconds, or a number with its unit.
func Duration(to *time.Duration, least, most time.Duration) Setter {
	return func(v []string) error {
		d, err := time.ParseDuration(v[0])
		if seconds, failed := strconv.ParseFloat(v[0], 64); failed == nil && math.Abs(seconds) < 1e9 {
			d, err = time.Duration(seconds*1e9), nil
		}
		if err != nil || d < least || d > most {
			return fmt.Errorf("a time from %v to %v, as 30 (seconds), 500ms or 5m", least, most)
		}
		*to = d
		return nil
	}
}
