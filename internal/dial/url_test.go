package dial_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/zancudomq/zancudo/internal/dial"
)

func TestParseURL(t *testing.T) {
	roots := &dial.TLS{SystemRoots: true}
	for _, test := range []struct {
		url  string
		want dial.URL
	}{
		{"mqtt://host/a/b", dial.URL{Options: dial.Options{Host: "host", Port: 1883}, Topic: "a/b", HasSlash: true}},
		{"mqtts://host/a", dial.URL{Options: dial.Options{Host: "host", Port: 8883, TLS: roots}, Topic: "a", HasSlash: true}},
		{"ws://host/a", dial.URL{Options: dial.Options{Host: "host", Port: 1883, WebSocket: &dial.WebSocket{}}, Topic: "a", HasSlash: true}},
		{"WSS://host/a", dial.URL{Options: dial.Options{Host: "host", Port: 8883, TLS: roots, WebSocket: &dial.WebSocket{}}, Topic: "a", HasSlash: true}},
		{"mqtt://u:p@host:1/#", dial.URL{Options: dial.Options{Host: "host", Port: 1}, Username: "u", HasUsername: true, Password: "p", HasPassword: true, Topic: "#", HasSlash: true}},
		{"mqtt://u%40x:p%3A%2f@@host/a%20b?c%zz%", dial.URL{Options: dial.Options{Host: "host", Port: 1883}, Username: "u@x", HasUsername: true, Password: "p:/@", HasPassword: true, Topic: "a b?c%zz%", HasSlash: true}},
		{"mqtt://u@host", dial.URL{Options: dial.Options{Host: "host", Port: 1883}, Username: "u", HasUsername: true}},
		{"mqtt://u:@[::1]:1884/", dial.URL{Options: dial.Options{Host: "::1", Port: 1884}, Username: "u", HasUsername: true, HasPassword: true, HasSlash: true}},
		{"mqtt://[fe80::1%25eth0]/$SYS/#", dial.URL{Options: dial.Options{Host: "fe80::1%eth0", Port: 1883}, Topic: "$SYS/#", HasSlash: true}},
	} {
		t.Run(test.url, func(t *testing.T) {
			got, err := dial.ParseURL(test.url)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("got %+v, want %+v", *got, test.want)
			}
		})
	}
}

func TestParseURLErrors(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{"", "no scheme"},
		{"host/a", "begins with mqtt://, mqtts://, ws:// or wss://"},
		{"http://u:secret@host/a", `unsupported scheme "http"`},
		{"mqtt:///a", "no host"},
		{"mqtt://u:secret@/a", "no host"},
		{"mqtt://host:0/a", "a port is 1 to 65535"},
		{"mqtt://u:secret@host:65536/a", "a port is 1 to 65535"},
		{"mqtt://host:/a", "a port is 1 to 65535"},
		{"mqtt://::1/a", "brackets"},
		{"mqtt://[::1/a", "not closed"},
		{"mqtt://[::1]1/a", `"1" follows`},
	} {
		t.Run(test.url, func(t *testing.T) {
			got, err := dial.ParseURL(test.url)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, %v, want %q", got, err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("%v tells the password", err)
			}
		})
	}
}

func TestParseProxy(t *testing.T) {
	got, err := dial.ParseProxy("socks5h://u:p%20q@host")
	if want := (dial.Proxy{Host: "host", Username: "u", Password: "p q"}); err != nil || *got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, s := range []string{"", "host:1080", "http://u:secret@host", "socks5h://", "socks5h://u:secret@host:x", "socks5h://u:secret" + strings.Repeat("x", 255) + "@h"} {
		got, err := dial.ParseProxy(s)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, %v", s, got, err)
		}
	}
}
