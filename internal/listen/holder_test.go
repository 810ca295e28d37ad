package listen

import (
	"strings"
	"syscall"
	"testing"
)

func TestHolder(t *testing.T) {
	t.Parallel()
	const replace = "Debian's package zancudo-mosquitto takes its place, with its configuration and what it has stored."
	for _, tt := range []struct {
		name   string
		holder Holder
		want   string
	}{
		{"nobody", Holder{}, "Stop the program that listens there, perhaps another broker, or choose another port, with -p or in the configuration."},
		{
			"a service",
			Holder{PID: 7, Program: "mosquitto", Unit: "mosquitto.service", Version: "mosquitto version 2.0.11"},
			"mosquitto version 2.0.11 listens there, process 7 (mosquitto) of mosquitto.service. " +
				"Stop it, with 'systemctl disable --now mosquitto', or choose another port, with -p or in the configuration. " + replace,
		},
		{
			"one that cannot be seen",
			Holder{Version: "mosquitto version 2.0.11"},
			"mosquitto version 2.0.11 listens there. Stop it, with 'systemctl disable --now mosquitto' if it is a service of this machine, " +
				"or choose another port, with -p or in the configuration. " + replace,
		},
		{
			"another program",
			Holder{PID: 7, Program: "python3"},
			"It is used by process 7 (python3). Stop it, with 'kill 7', or choose another port, with -p or in the configuration.",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := &Error{Address: "127.0.0.1", Port: 1883, Holder: tt.holder, Err: syscall.EADDRINUSE}
			got, _ := strings.CutPrefix(err.Error(), "Address already in use: port 1883 of 127.0.0.1. ")
			if got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
