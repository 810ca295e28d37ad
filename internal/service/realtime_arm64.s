//go:build linux

#include "textflag.h"

// func handler() uintptr
TEXT ·handler(SB), NOSPLIT, $0-8
	MOVD $·onRealtime(SB), R0
	MOVD R0, ret+0(FP)
	RET

// The registers are the kernel's to restore. It is write(realtimePipe, …, 1).
TEXT ·onRealtime(SB), NOSPLIT|NOFRAME, $0
	MOVD $·realtimePipe(SB), R1
	MOVW (R1), R0
	MOVD $1, R2
	MOVD $64, R8
	SVC
	RET
