package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/zancudomq/zancudo/internal/bench"
	"github.com/zancudomq/zancudo/internal/flags"
	"github.com/zancudomq/zancudo/packet"
)

// What the rows of benchTable name. An error goes on after the flag: what it
// takes.

func (o *benchOptions) setWarmup(v string) error {
	if err := flags.Duration(&o.Warmup, 0, time.Hour)([]string{v}); err != nil {
		return err
	}
	if o.Warmup == 0 {
		o.Warmup = -1 // none, where zero is the default
	}
	return nil
}

func (o *benchOptions) setPart(v string) error {
	o.Part = bench.Part(v)
	return nil
}

func (o *benchOptions) setRate(v string) error {
	rate, err := strconv.ParseFloat(v, 64)
	if err != nil || !(rate > 0 && rate <= 1e7) {
		return errors.New("a number above 0, up to 10000000")
	}
	o.Rate = rate
	return nil
}

func (o *benchOptions) setVersion(v string) error {
	switch strings.TrimPrefix(v, "mqttv") {
	case "3.1", "31":
		o.Version = packet.V31
	case "3.1.1", "311":
		o.Version = packet.V311
	case "5", "5.0":
		o.Version = packet.V5
	default:
		return errors.New("3.1, 3.1.1 or 5")
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
		return flags.Errorf("--cafile %s: it cannot be read: %v.", o.cafile, errors.Unwrap(err))
	}
	o.TLS.RootCAs = x509.NewCertPool()
	if !o.TLS.RootCAs.AppendCertsFromPEM(b) {
		return flags.Errorf("--cafile %s: it holds no certificate; it must be a file in PEM format.", o.cafile)
	}
	return nil
}
