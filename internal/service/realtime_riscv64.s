//go:build linux

#include "textflag.h"

// func handler() uintptr
TEXT ·handler(SB), NOSPLIT, $0-8
	MOV $·onRealtime(SB), X10
	MOV X10, ret+0(FP)
	RET

// The registers are the kernel's to restore. It is write(realtimePipe, …, 1).
TEXT ·onRealtime(SB), NOSPLIT|NOFRAME, $0
	MOV $·realtimePipe(SB), X11
	MOVW (X11), X10
	MOV $1, X12
	MOV $64, X17
	ECALL
	RET
