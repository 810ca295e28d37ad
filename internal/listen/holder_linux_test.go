package listen

import (
	"net/netip"
	"os"
	"testing"
)

func TestFindHolder(t *testing.T) {
	t.Parallel()
	port := open(t, Options{Loopback: true})[0].Addr().(tcpAddr).AddrPort().Port()
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"", "127.0.0.1", "0.0.0.0"} {
		h := FindHolder(address, int(port))
		if h.PID != os.Getpid() || h.Program+"\n" != string(name) {
			t.Errorf("at %q: found %+v, want this process, %d, %q", address, h, os.Getpid(), name)
		}
	}
	if h := FindHolder("127.0.0.2", int(port)); h != (Holder{}) {
		t.Errorf("at another address: found %+v", h)
	}
}

type tcpAddr interface{ AddrPort() netip.AddrPort }

func TestUnitIn(t *testing.T) {
	t.Parallel()
	for groups, want := range map[string]string{
		"0::/system.slice/mosquitto.service\n":                                                      "mosquitto.service",
		"0::/system.slice/system-mosquitto.slice/mosquitto@home.service\n":                          "mosquitto@home.service",
		"12:pids:/system.slice/mosquitto.service\n1:name=systemd:/system.slice/mosquitto.service\n": "mosquitto.service",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/broker.service\n":               "",
		"0::/system.slice/docker-0123.scope\n":                                                      "",
		"0::/\n":                                                                                    "",
	} {
		if got := unitIn(groups); got != want {
			t.Errorf("%q: got %q, want %q", groups, got, want)
		}
	}
}

func TestTableAddress(t *testing.T) {
	t.Parallel()
	if _, ok := tableAddress("0100007F"); ok {
		t.Error("an address without a port was read")
	}
	if _, ok := tableAddress("01:075B"); ok {
		t.Error("an address of one byte was read")
	}
}
