package dial

import (
	"context"
	"net"
	"strings"
)

// A target is a server that the DNS names.
type target struct {
	host string
	port int
}

// lookup asks the DNS for the servers of a domain, in the order in which they
// are to be tried.
func (d *dialer) lookup(ctx context.Context) ([]target, error) {
	resolver := d.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	service := "mqtt"
	if d.secure() {
		service = "secure-mqtt"
	}
	_, records, err := resolver.LookupSRV(ctx, service, "tcp", d.host())
	if err != nil {
		return nil, &Error{Stage: AtLookup, Text: "no servers for _" + service + "._tcp." + d.host(), Err: err}
	}
	var all []target
	for _, r := range records {
		if r.Target == "." { // the domain says that it has none: RFC 2782
			continue
		}
		all = append(all, target{strings.TrimSuffix(r.Target, "."), int(r.Port)})
	}
	if len(all) == 0 {
		return nil, &Error{Stage: AtLookup, Text: "_" + service + "._tcp." + d.host() + " says that there is no such service"}
	}
	return all, nil
}
