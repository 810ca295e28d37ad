// Command footprint measures how large Zancudo, Mosquitto and mochi-mqtt are: the
// program on disk, its memory when nobody uses it, and the time from exec until a
// client has its CONNACK. See ../../../docs/footprint.md.
//
// Each is started many times in turn, one after the other, so that what slows the
// machine down falls on all alike. It stops only what it started.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/zancudomq/zancudo/bench/page"
)

type options struct {
	starts    int
	retained  int
	idle      time.Duration
	mosquitto string
	write     string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := options{}
	f := flag.CommandLine
	f.IntVar(&o.starts, "starts", 51, "starts of each broker in each state")
	f.IntVar(&o.retained, "retained", 10_000, "retained messages of the state that is not empty")
	f.DurationVar(&o.idle, "idle", 5*time.Second, "how long a broker has nothing to do before its memory is looked at")
	f.StringVar(&o.mosquitto, "mosquitto", "/usr/sbin/mosquitto", "the program")
	f.StringVar(&o.write, "write", "", "write the table between the markers in this file")
	_ = f.Parse(os.Args[1:]) // it exits on an error
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
}

// run measures all brokers and prints the table.
func (o *options) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "footprint-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	brokers, err := o.prepare(ctx, dir)
	if err != nil {
		return err
	}
	for _, b := range brokers {
		if b.size, err = size(b.program); err != nil {
			return err
		}
	}
	states := []*state{{name: "empty"}, {name: "retained", retained: o.retained}}
	for _, s := range states {
		for _, b := range brokers {
			if !s.possible(b) {
				continue
			}
			if err := o.fill(ctx, b, s); err != nil {
				return fmt.Errorf("%s, %s: %w", b.name, s.name, err)
			}
		}
		for range o.starts {
			for _, b := range brokers {
				if !s.possible(b) {
					continue
				}
				if err := o.start(ctx, b, s, 0); err != nil {
					return fmt.Errorf("%s, %s: %w", b.name, s.name, err)
				}
			}
			slices.Reverse(brokers) // so that none is always behind the same one
		}
		for _, b := range brokers {
			if !s.possible(b) {
				continue
			}
			if err := o.start(ctx, b, s, o.idle); err != nil {
				return fmt.Errorf("%s, %s: %w", b.name, s.name, err)
			}
		}
	}
	slices.SortFunc(brokers, func(a, b *broker) int { return a.column - b.column })
	text := o.table(brokers)
	if _, err := os.Stdout.WriteString(text); err != nil {
		return err
	}
	if o.write == "" {
		return nil
	}
	return page.Write(o.write, "footprint", text)
}
