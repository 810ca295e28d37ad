package psk_test

import (
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/zancudomq/zancudo/internal/psk"
)

func Example() {
	here, there := net.Pipe()
	go func() {
		keys := map[string][]byte{"pump": []byte("a secret of the two")}
		server := psk.Server(there, psk.Config{Key: func(identity string) ([]byte, error) {
			key, ok := keys[strings.ToLower(identity)]
			if !ok {
				return nil, fmt.Errorf("nobody is called %q", identity)
			}
			return key, nil
		}})
		defer server.Close()
		if server.Handshake() == nil {
			fmt.Fprintf(server, "welcome, %s", server.State().Identity)
		}
	}()
	client := psk.Client(here, psk.Config{Identity: "pump", Secret: []byte("a secret of the two")})
	defer client.Close()
	b, err := io.ReadAll(client)
	fmt.Println(string(b), err)
	// Output: welcome, pump <nil>
}
