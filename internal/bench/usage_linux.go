package bench

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// userTicks is the unit of /proc: 10 ms on every Linux, whatever the kernel's own.
const userTicks = 10 * time.Millisecond

// checkProcess tells whether the process can be measured.
func checkProcess(pid int) error {
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/status", pid)); err != nil {
		return fmt.Errorf("process %d: there is none", pid)
	}
	return nil
}

// openFiles is how many files this process may have open. The runtime has
// raised it as far as that is allowed.
func openFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}

// family returns a process and its descendants.
func family(pid int) []int {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		for _, task := range tasks(pids[i]) {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pids[i], task))
			for f := range bytes.FieldsSeq(b) {
				if child, err := strconv.Atoi(string(f)); err == nil {
					pids = append(pids, child)
				}
			}
		}
	}
	return pids
}

func tasks(pid int) []string {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// processCPU reads the CPU clock of a process, which is exact to the nanosecond
// where /proc has ticks.
func processCPU(pid int) time.Duration {
	const scheduler = 2 // CPUCLOCK_SCHED
	return clock(uintptr(^pid)<<3 | scheduler)
}

func ownCPU() time.Duration {
	const processCPUTime = 2 // CLOCK_PROCESS_CPUTIME_ID
	return clock(processCPUTime)
}

func clock(id uintptr) time.Duration {
	var t syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&t)), 0); errno != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}

// systemCPU is the share of a process's CPU time that was spent in the kernel.
func systemCPU(pid int) time.Duration {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := bytes.Cut(b[max(0, bytes.LastIndexByte(b, ')')):], []byte(")"))
	return field(bytes.Fields(after), 12)
}

// field reads the ith field as ticks.
func field(fields [][]byte, i int) time.Duration {
	if i >= len(fields) {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
	return time.Duration(n) * userTicks
}

// machineCPU reads what all processors did together.
func machineCPU() (busy, stolen time.Duration) {
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := bytes.Fields(line) // cpu user nice system idle iowait irq softirq steal
	return field(f, 1) + field(f, 2) + field(f, 3) + field(f, 6) + field(f, 7), field(f, 8)
}

// status reads a number from a process's status.
func status(pid int, key string) int64 {
	return statusFile(fmt.Sprintf("/proc/%d/status", pid), key)
}

func statusFile(path, key string) int64 {
	b, _ := os.ReadFile(path)
	for line := range bytes.Lines(b) {
		if after, ok := bytes.CutPrefix(line, []byte(key)); ok {
			if f := bytes.Fields(after); len(f) > 0 {
				n, _ := strconv.ParseInt(string(f[0]), 10, 64)
				return n
			}
		}
	}
	return 0
}

func switches(pid int) uint64 {
	var n int64
	for _, task := range tasks(pid) {
		path := fmt.Sprintf("/proc/%d/task/%s/status", pid, task)
		n += statusFile(path, "voluntary_ctxt_switches:") + statusFile(path, "nonvoluntary_ctxt_switches:")
	}
	return uint64(n)
}
