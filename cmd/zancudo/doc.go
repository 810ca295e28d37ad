// Command zancudo is an MQTT broker and its tools; internal/cli is its command
// line.
package main
