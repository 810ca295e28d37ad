// Package psk is TLS 1.2 with pre-shared keys: both ends share a secret, and
// nobody needs a certificate. The standard library's crypto/tls does not have it.
//
// It is not TLS with certificates, not TLS 1.3, not DTLS. It does not resume
// sessions, compress or renegotiate, and it offers nothing below TLS 1.2.
//
// Invariant: Read returns only bytes that a peer who has the key has written, in
// their order, and io.EOF only if that peer said that there are no more.
//
//	conn, err := net.Dial("tcp", "broker.example:8883")
//	…
//	c := psk.Client(conn, psk.Config{Identity: "pump", Secret: key})
//	if err := c.HandshakeContext(ctx); err != nil {
//		return err // a sentence; errors.As finds a psk.Alert in it
//	}
//
//	s := psk.Server(conn, psk.Config{Key: keys.Lookup})
//	…
//	user := s.State().Identity
//
// # Cipher suites
//
// By OpenSSL's names, in the order in which a server prefers them: authenticated
// encryption first, then forward secrecy; short tags and SHA-1 last.
//
//	ECDHE-PSK-AES128-GCM-SHA256   ECDHE-PSK-AES256-GCM-SHA384   RFC 8442; not in OpenSSL
//	PSK-AES128-GCM-SHA256         PSK-AES256-GCM-SHA384         RFC 5487
//	PSK-AES128-CCM                PSK-AES256-CCM                RFC 6655
//	ECDHE-PSK-AES128-CBC-SHA256   ECDHE-PSK-AES256-CBC-SHA384   RFC 5489
//	PSK-AES128-CBC-SHA256         PSK-AES256-CBC-SHA384         RFC 5487
//	PSK-AES128-CCM8               PSK-AES256-CCM8               RFC 6655
//	ECDHE-PSK-AES128-CBC-SHA      ECDHE-PSK-AES256-CBC-SHA      RFC 5489
//	PSK-AES128-CBC-SHA            PSK-AES256-CBC-SHA            RFC 4279
//
// So every device has one that it can do: those with mbedTLS, as the ESP32, mostly
// speak GCM, CCM or CBC with SHA-256. CBC is protected by encrypt-then-MAC (RFC
// 7366) when the peer has it. The key agreement is X25519, P-256 or P-384. Small
// devices may ask for short records (max_fragment_length, RFC 6066).
//
// Not here are RSA-PSK, which needs a certificate, DHE-PSK, whose groups cannot be
// agreed on safely in TLS 1.2, CHACHA20, which the standard library keeps to
// itself, and everything without encryption.
//
// design.md tells what is checked where.
package psk
