package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zancudomq/zancudo/internal/dial"
)

// maxAddresses bounds how many addresses of a host are tried.
const maxAddresses = 16

// reach resolves the host and connects to each of its addresses.
func (e *exam) reach(ctx context.Context) bool {
	e.host = e.Where.Host
	if e.host == "" {
		e.host = "localhost"
	}
	if e.Where.Unix != "" || e.Where.Proxy != nil { // the host is the proxy's to look up
		return e.reachOne(ctx)
	}
	if e.Where.SRV && !e.followSRV(ctx) {
		return false
	}
	addresses, ok := e.resolve(ctx)
	if !ok {
		return false
	}
	tries := e.tryAll(ctx, addresses, e.port())
	working := 0
	for _, t := range tries {
		if t.err == nil {
			working++
		}
	}
	for _, t := range tries {
		e.sayTry(ctx, t, working)
	}
	if working == 0 {
		e.report.Err = tries[0].err
		e.lookElsewhere(ctx, addresses)
	}
	return working > 0
}

// port is the one that the options mean.
func (e *exam) port() int {
	where := e.Where
	where.SRV, where.Unix = false, ""
	_, port, _ := net.SplitHostPort(where.Address())
	n, _ := strconv.Atoi(port) // it was written as a number
	return n
}

func (e *exam) reachOne(ctx context.Context) bool {
	where := e.Where
	where.TLS, where.PSK, where.WebSocket = nil, nil, nil
	began := time.Now()
	conn, err := e.opener(where)(ctx)
	if err != nil {
		e.fail(ctx, err, CheckConnection, "Start the broker, or check the path or the proxy.")
		return false
	}
	_ = conn.Close() // it was only a knock
	e.say(ctx, CheckConnection, OK, fmt.Sprintf("the way to %s is open (%s)", e.Where.Address(), short(time.Since(began))), "")
	return true
}

// resolver is the one of the options.
func (e *exam) resolver() *net.Resolver {
	if e.Where.Resolver != nil {
		return e.Where.Resolver
	}
	return net.DefaultResolver
}

// followSRV asks the DNS for the servers of a domain and goes on with the first.
func (e *exam) followSRV(ctx context.Context) bool {
	service := "mqtt"
	if e.Where.TLS != nil || e.Where.PSK != nil {
		service = "secure-mqtt"
	}
	limited, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	_, records, err := e.resolver().LookupSRV(limited, service, "tcp", e.host)
	if err == nil && len(records) == 0 {
		err = errNoRecords
	}
	if err != nil {
		e.fail(ctx, fmt.Errorf("no servers for _%s._tcp.%s: %w", service, e.host, inDNS(err, errNoRecords)), CheckAddress, "Leave -S out and name the broker with -h, or add the SRV record to the DNS.")
		return false
	}
	var servers []string
	for _, r := range records {
		servers = append(servers, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
	}
	e.say(ctx, CheckAddress, OK, fmt.Sprintf("the servers of %s are %s; the first is examined", e.host, list(servers)), "")
	e.Where.SRV, e.Where.Host, e.Where.Port = false, strings.TrimSuffix(records[0].Target, "."), int(records[0].Port)
	e.host = e.Where.Host
	return true
}

// What the DNS does not have.
var (
	errNoRecords = errors.New("there are no such records")
	errNoName    = errors.New("there is no such name")
)

// inDNS is missing if that is what err says, which names resolvers and sockets.
func inDNS(err, missing error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return missing
	}
	return err
}

// resolve finds the addresses of the host.
func (e *exam) resolve(ctx context.Context) ([]netip.Addr, bool) {
	if address, err := netip.ParseAddr(e.host); err == nil {
		return []netip.Addr{address}, true
	}
	limited, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	began := time.Now()
	addresses, err := e.resolver().LookupNetIP(limited, "ip", e.host)
	if err != nil {
		var dns *net.DNSError
		remedy := "Check the spelling of the name, or give an address."
		if errors.As(err, &dns) && !dns.IsNotFound {
			remedy = "The DNS server does not answer: check the network of this machine."
		}
		e.fail(ctx, &dial.Error{Stage: dial.AtLookup, Text: "no address was found for " + e.host, Err: inDNS(err, errNoName)}, CheckAddress, remedy)
		return nil, false
	}
	var names []string
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
		names = append(names, addresses[i].String())
	}
	more := ""
	if len(addresses) > maxAddresses {
		more = fmt.Sprintf("; the first %d are tried", maxAddresses)
		addresses = addresses[:maxAddresses]
	}
	e.say(ctx, CheckAddress, OK, fmt.Sprintf("the name %s stands for %s (%s)%s", e.host, list(names), short(time.Since(began)), more), "")
	return addresses, true
}

// try is a connection to an address.
type try struct {
	address string // and port
	took    time.Duration
	err     error
}

// tryAll connects to all addresses at once.
func (e *exam) tryAll(ctx context.Context, addresses []netip.Addr, port int) []try {
	tries := make([]try, len(addresses))
	var wg sync.WaitGroup
	for i, address := range addresses {
		wg.Go(func() {
			where := dial.Options{Host: address.String(), Port: port, LocalAddress: e.Where.LocalAddress}
			t := &tries[i]
			t.address = where.Address()
			began := time.Now()
			conn, err := e.opener(where)(ctx)
			t.took, t.err = time.Since(began), err
			if err == nil {
				_ = conn.Close() // it was only a knock
			}
		})
	}
	wg.Wait()
	return tries
}

// sayTry says how a connection went. One that failed is only worth a note if
// there is another that works.
func (e *exam) sayTry(ctx context.Context, t try, working int) {
	if t.err == nil {
		e.say(ctx, CheckConnection, OK, fmt.Sprintf("%s accepts connections (%s)", t.address, short(t.took)), "")
		return
	}
	level, remedy := Problem, "Start the broker there, or give its port with -p; a broker that listens on the loopback addresses only is not reached from elsewhere."
	if errors.Is(t.err, context.DeadlineExceeded) {
		remedy = "Check the address; a firewall in between may drop the packets."
	}
	if working > 0 {
		level = Note
		remedy = "Clients that try this address first lose time: let the broker listen there too, or take the address out of the DNS."
	}
	e.say(ctx, CheckConnection, level, "could not "+t.err.Error(), remedy)
}

// lookElsewhere looks at the usual ports of brokers.
func (e *exam) lookElsewhere(ctx context.Context, addresses []netip.Addr) {
	open := make([]bool, len(e.OtherPorts))
	var wg sync.WaitGroup
	for i, port := range e.OtherPorts {
		wg.Go(func() {
			for _, t := range e.tryAll(ctx, addresses[:min(2, len(addresses))], port) {
				open[i] = open[i] || t.err == nil
			}
		})
	}
	wg.Wait()
	var found []string
	for i, port := range e.OtherPorts {
		if open[i] && port != e.port() {
			found = append(found, strconv.Itoa(port))
		}
	}
	if len(found) > 0 {
		e.say(ctx, CheckConnection, Note, fmt.Sprintf("something listens on port %s of the same host", list(found)), "Try it with -p "+found[0]+".")
	}
}
