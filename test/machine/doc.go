// Package machine installs the Debian package on a machine: a whole Debian with
// its kernel and systemd, in an emulator, whose power is cut while the broker is
// under load. The host is the other machine on the network.
//
// It is not the place for what a process can show: a boot takes a minute or more
// without virtualization, so the tests run when ZANCUDO_MACHINE=1 asks for them.
//
//	make machine-test
//
// A cut of power is more than the death of the emulator, which would leave each
// write that the emulator had been given: see [disk].
//
// Invariant: the machine is told nothing that a user would not type, but for the
// door through which the tests type it.
package machine
