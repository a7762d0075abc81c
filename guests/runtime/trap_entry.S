# Every trap from M-mode lands here: save all registers in a struct trap_frame (trap.h) on the
# interrupted stack, let C decide, restore, return.
    .text
    .globl trap_entry
    .balign 4
trap_entry:
    addi sp, sp, -256
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sd x\n, 8*\n(sp)
    .endr
    addi t0, sp, 256
    sd t0, 16(sp)
    csrr t0, mepc
    sd t0, 0(sp)
    mv a0, sp
    csrr a1, mcause
    csrr a2, mtval
    call trap_dispatch
    ld t0, 0(sp)
    csrw mepc, t0
    .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    ld x\n, 8*\n(sp)
    .endr
    addi sp, sp, 256
    mret
