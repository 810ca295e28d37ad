package psk

import (
	"fmt"
	"io"
	"testing"
)

// BenchmarkConn sends records from one end to the other.
func BenchmarkConn(b *testing.B) {
	for _, id := range []Suite{PSKWithAES128GCMSHA256, PSKWithAES128CCM, PSKWithAES128CBCSHA256} {
		for _, size := range []int{100, 10_000} {
			b.Run(fmt.Sprintf("suite=%v/bytes=%d", id, size), func(b *testing.B) {
				config := clientConfig()
				config.Suites = []Suite{id}
				client, server := connect(b, config, serverConfig())
				message, got := make([]byte, size), make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := client.Write(message); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(server, got); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkOpenOldCBC opens records of a peer without encrypt-then-MAC, whose MAC
// must not tell its length.
func BenchmarkOpenOldCBC(b *testing.B) {
	for _, size := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			p := protectionsOf(b)["PSK-AES128-CBC-SHA256, encrypt-then-MAC false"]
			sealed := p[0].seal(nil, 0, recordData, make([]byte, size))
			work := make([]byte, len(sealed))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				copy(work, sealed)
				if _, ok := p[1].open(0, recordData, work); !ok {
					b.Fatal("it did not open")
				}
			}
		})
	}
}
