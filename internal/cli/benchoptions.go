package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/bench"
	"github.com/zancudomq/zancudo/packet"
)

// The functions that the rows of benchFlags name. Their errors go on after the
// flag and its value: what is accepted.

func setScenario(o *benchOptions, v string) error {
	if o.Scenario != "" {
		return usagef("%s: the scenario is %s already; one is measured at a time.", v, o.Scenario)
	}
	var names []string
	for _, s := range bench.Scenarios() {
		if s.Name == v {
			o.Scenario = v
			return nil
		}
		names = append(names, s.Name)
	}
	return usagef("%s: there is no such scenario; there are %s.", v, strings.Join(names, ", "))
}

func setText(to *string, v string) error {
	if v == "" {
		return errors.New("it must not be empty")
	}
	*to = v
	return nil
}

func setInt(to *int, v string, least, most int) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return fmt.Errorf("it must be a number from %d to %d", least, most)
	}
	*to = n
	return nil
}

// setDuration takes seconds, or a number with its unit.
func setDuration(to *time.Duration, v string, least, most time.Duration) error {
	d, err := time.ParseDuration(v)
	if secs, failed := strconv.ParseFloat(v, 64); failed == nil && math.Abs(secs) < 1e9 {
		d, err = time.Duration(secs*1e9), nil
	}
	if err != nil || d < least || d > most {
		return fmt.Errorf("it must be a time from %v to %v, as 30 (seconds), 500ms or 5m", least, most)
	}
	*to = d
	return nil
}

func setBenchWarmup(o *benchOptions, v string) error {
	if err := setDuration(&o.Warmup, v, 0, time.Hour); err != nil {
		return err
	}
	if o.Warmup == 0 {
		o.Warmup = -1 // none, where zero is the default
	}
	return nil
}

func setBenchRate(o *benchOptions, v string) error {
	rate, err := strconv.ParseFloat(v, 64)
	if err != nil || !(rate > 0 && rate <= 1e7) {
		return errors.New("it must be a number above 0, up to 10000000")
	}
	o.Rate = rate
	return nil
}

func setBenchQoS(o *benchOptions, v string) error {
	if v != "0" && v != "1" && v != "2" {
		return errors.New("it must be 0, 1 or 2")
	}
	o.QoS = packet.QoS(v[0] - '0')
	return nil
}

func setBenchVersion(o *benchOptions, v string) error {
	switch strings.TrimPrefix(v, "mqttv") {
	case "3.1", "31":
		o.Version = packet.V31
	case "3.1.1", "311":
		o.Version = packet.V311
	case "5", "5.0":
		o.Version = packet.V5
	default:
		return errors.New("it must be 3.1, 3.1.1 or 5")
	}
	return nil
}

// secure makes the TLS configuration of what was said about it.
func (o *benchOptions) secure() error {
	if !o.tls && !o.insecure && o.cafile == "" {
		return nil
	}
	o.TLS = &tls.Config{InsecureSkipVerify: o.insecure} // the user says so
	if o.cafile == "" {
		return nil
	}
	b, err := os.ReadFile(o.cafile)
	if err != nil {
		return usagef("--cafile %s: it cannot be read: %v.", o.cafile, errors.Unwrap(err))
	}
	o.TLS.RootCAs = x509.NewCertPool()
	if !o.TLS.RootCAs.AppendCertsFromPEM(b) {
		return usagef("--cafile %s: it holds no certificate; it must be a file in PEM format.", o.cafile)
	}
	return nil
}
