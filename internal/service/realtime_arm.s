//go:build linux

#include "textflag.h"

// func handler() uintptr
TEXT ·handler(SB), NOSPLIT, $0-4
	MOVW $·onRealtime(SB), R0
	MOVW R0, ret+0(FP)
	RET

// The registers are the kernel's to restore. It is write(realtimePipe, …, 1).
TEXT ·onRealtime(SB), NOSPLIT|NOFRAME, $0
	MOVW $·realtimePipe(SB), R1
	MOVW (R1), R0
	MOVW $1, R2
	MOVW $4, R7
	SWI $0
	RET
