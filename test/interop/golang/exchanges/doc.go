// Package exchanges has the exchanges that the Go clients go through; each
// client is a small program that tells it how to connect.
package exchanges
