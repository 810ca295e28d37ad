package pki

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseFleeting(t *testing.T) {
	t.Parallel()
	got := parseFleeting([]byte(`00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000007 02 40 00 01     eth0
20010db8000000000000000000000008 02 40 00 80     eth0
garbage
fd000000000000000000000000000009 02 40 00 21     eth0
xyz 02 40 00 01     eth0
`))
	want := map[netip.Addr]bool{netip.MustParseAddr("2001:db8::7"): true, netip.MustParseAddr("fd00::9"): true}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
}
