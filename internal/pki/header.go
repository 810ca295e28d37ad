package pki

import (
	"bytes"
	"fmt"
	"strings"
)

// header writes the certificates as strings in C, for programs that have no
// files. They lie in flash where a compiler knows of it. Their names are the same
// for each device, and so is the program that uses them.
func (m *material) header() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("/* Certificates for MQTT with TLS, made by zancudo.")
	if m.cert != nil {
		b.WriteString(" This file holds a private key:\n   keep it to yourself, and out of public repositories.")
	}
	b.WriteString("\n\n   Arduino on ESP32, with WiFiClientSecure or NetworkClientSecure:\n")
	b.WriteString("     net.setCACert(zancudo_ca);\n")
	if m.cert != nil {
		b.WriteString("     net.setCertificate(zancudo_cert);\n     net.setPrivateKey(zancudo_key);\n")
	}
	b.WriteString("\n   Arduino on ESP8266, with BearSSL::WiFiClientSecure, after the clock was set:\n")
	b.WriteString("     BearSSL::X509List ca(zancudo_ca);\n     net.setTrustAnchors(&ca);\n")
	if m.cert != nil {
		set := "setClientECCert(&cert, &key, 0xffff, 0)"
		if algorithm(m.cert.PublicKey) == RSA2048 {
			set = "setClientRSACert(&cert, &key)"
		}
		fmt.Fprintf(&b, "     BearSSL::X509List cert(zancudo_cert);\n     BearSSL::PrivateKey key(zancudo_key);\n     net.%s;\n", set)
	}
	b.WriteString("\n   ESP-IDF, in esp_mqtt_client_config_t:\n")
	b.WriteString("     .broker.verification.certificate = zancudo_ca,\n")
	if m.cert != nil {
		b.WriteString("     .credentials.authentication.certificate = zancudo_cert,\n     .credentials.authentication.key = zancudo_key,\n")
	}
	b.WriteString("*/\n#ifndef ZANCUDO_CERTIFICATES_H\n#define ZANCUDO_CERTIFICATES_H\n\n#ifdef ARDUINO\n#include <Arduino.h>\n#endif\n#ifndef PROGMEM\n#define PROGMEM\n#endif\n")
	fmt.Fprintf(&b, "\n/* The authority: %s, until %s. */\n", comment(m.authority.Subject.CommonName), m.authority.NotAfter.Format("2006-01-02"))
	cString(&b, "zancudo_ca", encodeCertificate(m.authority))
	if m.cert != nil {
		key, err := encodeKey(m.key)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "\n/* The certificate of %s, until %s. */\n", comment(m.name), m.cert.NotAfter.Format("2006-01-02"))
		cString(&b, "zancudo_cert", encodeCertificate(m.cert))
		b.WriteString("\n/* Its key, which is a secret. */\n")
		cString(&b, "zancudo_key", key)
	}
	b.WriteString("\n#endif\n")
	return b.Bytes(), nil
}

// cString writes the definition of a string, a line of text to a line.
func cString(b *bytes.Buffer, name string, text []byte) {
	fmt.Fprintf(b, "static const char %s[] PROGMEM =\n", name)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for i, line := range lines {
		end := ""
		if i == len(lines)-1 {
			end = ";"
		}
		fmt.Fprintf(b, "  \"%s\\n\"%s\n", line, end) // PEM has nothing to escape
	}
}

// comment is a text that cannot end a comment in C.
func comment(text string) string { return strings.ReplaceAll(text, "*/", "* /") }
