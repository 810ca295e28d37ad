package bench

import "time"

// usage is what the broker, this process and the machine had used at a moment.
type usage struct {
	at        time.Time
	in, out   uint64        // messages into and out of the broker
	broker    time.Duration // CPU time of the broker's processes
	system    time.Duration // of that, in the kernel
	switches  uint64        // context switches of the broker's threads
	generator time.Duration // CPU time of this process
	machine   time.Duration // CPU time of everybody
	stolen    time.Duration // CPU time that the hypervisor withheld
	resident  int64         // bytes of the broker's processes
	peak      int64         // the most they ever were
}

// snap reads usage now.
func (e *engine) snap() usage {
	u := usage{at: time.Now(), generator: ownCPU()}
	u.in, u.out = e.traffic()
	u.machine, u.stolen = machineCPU()
	if e.o.PID > 0 {
		for _, pid := range family(e.o.PID) {
			u.broker += processCPU(pid)
			u.system += systemCPU(pid)
			u.switches += switches(pid)
			u.resident += status(pid, "VmRSS:") << 10
			u.peak += status(pid, "VmHWM:") << 10
		}
	}
	return u
}

// resident returns the bytes of memory that the broker's processes occupy.
func (e *engine) resident() int64 {
	var bytes int64
	if e.o.PID > 0 {
		for _, pid := range family(e.o.PID) {
			bytes += status(pid, "VmRSS:") << 10
		}
	}
	return bytes
}
