package pki

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
)

// fleetingAddresses are those that the kernel has made up for privacy, and
// changes every day.
func fleetingAddresses() map[netip.Addr]bool {
	text, err := os.ReadFile("/proc/net/if_inet6")
	if err != nil {
		return nil // there is no IPv6
	}
	return parseFleeting(text)
}

// temporary is IFA_F_TEMPORARY of linux/if_addr.h.
const temporary = 1

// parseFleeting reads lines of address, interface, prefix, scope, flags and
// name, the numbers in hexadecimal digits.
func parseFleeting(text []byte) map[netip.Addr]bool {
	found := make(map[netip.Addr]bool)
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 6 {
			continue
		}
		flags, err := strconv.ParseUint(string(fields[4]), 16, 32)
		if err != nil || flags&temporary == 0 {
			continue
		}
		b, err := hex.DecodeString(string(fields[0]))
		if ip, ok := netip.AddrFromSlice(b); err == nil && ok {
			found[ip] = true
		}
	}
	return found
}
