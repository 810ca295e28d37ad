// Package packaging is what an installation consists of besides the program: the
// unit of systemd and the configuration that a package brings, and the recipe for
// a container. It has no code; its tests hold all to what they promise.
//
// It does not say how to run the service: docs/running-as-a-service.md does.
//
// Invariant: nothing here opens the broker to the network of a machine. In a
// container it is open to that one's own.
//
//	systemd-analyze security --offline=yes packaging/systemd/zancudo.service
package packaging
