//go:build !linux

package pki

import "net/netip"

// fleetingAddresses are not told apart here.
func fleetingAddresses() map[netip.Addr]bool { return nil }
