//go:build !linux

package bench

import "net/netip"

// newNetwork returns the lightest network there is for plain TCP.
func newNetwork(to events, broker netip.AddrPort, addresses int, _ bool) (network, error) {
	return newNetworkOfGoroutines(to, broker, addresses, nil), nil
}
