// Package packaging is what an installation consists of besides the program: the
// unit of systemd and the configuration that a package brings. It has no code;
// its tests hold both to what they promise.
//
// It does not say how to run the service: docs/running-as-a-service.md does.
//
// Invariant: nothing here opens the broker to the network.
//
//	systemd-analyze security --offline=yes packaging/systemd/zancudo.service
package packaging
