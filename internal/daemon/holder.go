package daemon

import (
	"cmp"
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zancudomq/zancudo/internal/client"
	"github.com/zancudomq/zancudo/internal/listen"
	"github.com/zancudomq/zancudo/packet"
)

// versionLimit is how long another broker may take to say what it is.
const versionLimit = time.Second

// nameHolder adds to the error of a socket whose address is in use who has it.
// Other errors stay as they are.
func nameHolder(ctx context.Context, err error) error {
	var e *listen.Error
	if !errors.As(err, &e) || !errors.Is(err, syscall.EADDRINUSE) || e.Path != "" {
		return err
	}
	e.Holder = listen.FindHolder(e.Address, e.Port)
	e.Holder.Version = brokerVersion(ctx, net.JoinHostPort(cmp.Or(e.Address, "localhost"), strconv.Itoa(e.Port)))
	return err
}

// versionTopic is where brokers publish what they are.
const versionTopic = "$SYS/broker/version"

// brokerVersion asks a broker what it is; empty: it does not say so to everybody,
// or nothing there speaks MQTT.
func brokerVersion(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, versionLimit)
	defer cancel()
	said := make(chan string, 1)
	c := client.New(client.Options{
		Address: address, Timeout: versionLimit,
		Connect: packet.Connect{CleanStart: true},
		OnMessage: func(p *packet.Publish) {
			select {
			case said <- string(p.Payload):
			default: // one answer is enough
			}
		},
	})
	defer func() { _ = c.Close() }()
	if _, err := c.Connect(ctx); err != nil {
		return ""
	}
	if _, err := c.Subscribe(ctx, &packet.Subscribe{Subscriptions: []packet.Subscription{{Filter: versionTopic}}}); err != nil {
		return ""
	}
	select {
	case version := <-said:
		return plain(version)
	case <-c.Done():
	case <-ctx.Done():
	}
	return ""
}

// maxVersion is as much as a sentence has room for, in bytes.
const maxVersion = 80

// plain is what a stranger says, as part of a line of the log; empty: that is
// not one.
func plain(said string) string {
	if len(said) > maxVersion || !utf8.ValidString(said) || strings.ContainsFunc(said, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return said
}
