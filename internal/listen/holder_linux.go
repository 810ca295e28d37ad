package listen

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// FindHolder looks for the process that listens on a port of an address; empty:
// on any address of this machine. Another user's processes can be seen by an
// administrator only, and what a sandbox hides by nobody.
func FindHolder(address string, port int) Holder {
	inodes := make(map[string]bool)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		addListening(inodes, table, address, port)
	}
	if len(inodes) == 0 {
		return Holder{}
	}
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return Holder{}
	}
	for _, file := range files {
		target, err := os.Readlink(file)
		inode, isSocket := strings.CutPrefix(target, "socket:[")
		if err == nil && isSocket && inodes[strings.TrimSuffix(inode, "]")] {
			return holderOf(strings.Split(file, "/")[2])
		}
	}
	return Holder{}
}

// holderOf describes a process.
func holderOf(number string) Holder {
	pid, err := strconv.Atoi(number)
	if err != nil {
		return Holder{}
	}
	name, _ := os.ReadFile("/proc/" + number + "/comm")
	groups, _ := os.ReadFile("/proc/" + number + "/cgroup")
	return Holder{PID: pid, Program: strings.TrimSpace(string(name)), Unit: unitIn(string(groups))}
}

// unitIn finds the service of the system among the control groups of a process.
func unitIn(groups string) string {
	for line := range strings.Lines(groups) {
		_, path, ok := strings.Cut(strings.TrimSpace(line), ":/system.slice/")
		if !ok {
			continue
		}
		for part := range strings.SplitSeq(path, "/") {
			if strings.HasSuffix(part, ".service") {
				return part
			}
		}
	}
	return ""
}

// addListening adds the inodes of the sockets of a table of the kernel that
// listen where a socket at the address could not.
func addListening(inodes map[string]bool, table, address string, port int) {
	f, err := os.Open(table)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // it was only read
	wanted, err := netip.ParseAddr(address)
	all := err != nil || wanted.IsUnspecified()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		const local, state, inode = 1, 3, 9
		fields := strings.Fields(lines.Text())
		if len(fields) <= inode || fields[state] != "0A" { // listening
			continue
		}
		at, ok := tableAddress(fields[local])
		if ok && int(at.Port()) == port && (all || at.Addr().IsUnspecified() || at.Addr() == wanted.Unmap().WithZone("")) {
			inodes[fields[inode]] = true
		}
	}
}

// tableAddress reads an address as the kernel writes it: words of four bytes in
// the order of the machine, and a port.
func tableAddress(text string) (netip.AddrPort, bool) {
	digits, port, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, false
	}
	words, err := hex.DecodeString(digits)
	if err != nil || len(words)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(words); i += 4 {
		binary.BigEndian.PutUint32(words[i:], binary.NativeEndian.Uint32(words[i:]))
	}
	ip, ok := netip.AddrFromSlice(words)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), ok
}
