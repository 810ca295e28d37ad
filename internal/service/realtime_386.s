//go:build linux

#include "textflag.h"

// func handler() uintptr
TEXT ·handler(SB), NOSPLIT, $0-4
	LEAL ·onRealtime(SB), AX
	MOVL AX, ret+0(FP)
	RET

// The registers are the kernel's to restore. It is write(realtimePipe, …, 1).
TEXT ·onRealtime(SB), NOSPLIT|NOFRAME, $0
	MOVL ·realtimePipe(SB), BX
	LEAL ·realtimePipe(SB), CX
	MOVL $1, DX
	MOVL $4, AX
	INT $0x80
	RET
