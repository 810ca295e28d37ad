package pki

import (
	"fmt"
	"net/netip"
	"strings"
)

// phoneText is what lies beside the certificates for a phone: how to install
// them, and at which of the names of the broker's certificate and which port it
// is found. An empty client means that there is only the authority's.
//
// It is no template of package text/template, which calls methods by name: with
// that in the program the linker must keep every method of every type, and the
// program is a quarter larger.
func phoneText(client string, broker []string, port int) []byte {
	var b strings.Builder
	b.WriteString("Certificates for an MQTT client\n\n")
	padding, second, asWell, files := "", "", "", "ca.crt"
	if client != "" {
		padding = strings.Repeat(" ", max(0, len(client)-len("ca")))
		second = " and\n\"client certificate\""
		asWell = ", " + client + ".p12 as a VPN & app user certificate"
		files = "both files"
	}
	fmt.Fprintf(&b, "  ca.crt%s  the authority, by which the client knows the broker\n", padding)
	if client != "" {
		blank := strings.Repeat(" ", len(client)+len("  .p12"))
		fmt.Fprintf(&b, "  %s.p12  the certificate of \"%s\" and its key, by which the broker knows the\n", client, client)
		fmt.Fprintf(&b, "%s  client; it asks for the password that was shown when this was made\n", blank)
	}
	fmt.Fprintf(&b, "\nIn an MQTT app, choose MQTT with TLS (SSL), and these files as \"CA certificate\"%s. Or install them in the phone:\n\n", second)
	b.WriteString("  Android     Settings, Security, Encryption & credentials, Install a certificate:\n")
	fmt.Fprintf(&b, "              ca.crt as a CA certificate%s\n", asWell)
	fmt.Fprintf(&b, "  iPhone      open %s from Files, install under Settings, General, VPN & Device\n", files)
	b.WriteString("              Management, and trust the authority under Settings, General, About,\n" +
		"              Certificate Trust Settings\n\n")
	if names := reachable(broker); len(names) > 0 {
		fmt.Fprintf(&b, "The broker is at port %d of one of\n\n  %s\n\n", port, strings.Join(names, "\n  "))
	}
	if client != "" {
		fmt.Fprintf(&b, "Whoever has the .p12 file and its password is \"%s\" to the broker. If the phone is\n", client)
		fmt.Fprintf(&b, "lost, say on the broker's machine:  zancudo certs revoke %s\n", client)
	}
	return []byte(strings.ReplaceAll(b.String(), "\n", "\r\n"))
}

// reachable are the names that mean something on another machine.
func reachable(names []string) (all []string) {
	for _, name := range names {
		if ip, err := netip.ParseAddr(name); name != "localhost" && (err != nil || !ip.IsLoopback() && !ip.IsLinkLocalUnicast()) {
			all = append(all, name)
		}
	}
	return all
}
