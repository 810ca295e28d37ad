//go:build linux

#include "textflag.h"

// func handler() uintptr
TEXT ·handler(SB), NOSPLIT, $0-8
	LEAQ ·onRealtime(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// The registers are the kernel's to restore. It is write(realtimePipe, …, 1).
TEXT ·onRealtime(SB), NOSPLIT|NOFRAME, $0
	MOVLQSX ·realtimePipe(SB), DI
	LEAQ ·realtimePipe(SB), SI
	MOVQ $1, DX
	MOVQ $1, AX
	SYSCALL
	RET
