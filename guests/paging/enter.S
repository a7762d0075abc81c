# enter, machine_load and machine_store of access.h. Offsets are those of struct entry.
    .equ ENTRY_PC, 0
    .equ ENTRY_STATUS, 8
    .equ ENTRY_ARGUMENTS, 16
    .equ ENTRY_CAUSE, 48
    .equ ENTRY_VALUE, 56
    .equ ENTRY_AT, 64
    .equ ENTRY_RESULT, 72

    .equ MACHINE_ACCESS_DONE, 24
    .equ MTIMECMP, 0x2004000
    .equ INTERRUPT_INTERVAL, 50    # ticks

    .text
    .globl enter
enter:
    addi sp, sp, -128
    sd ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd s\n, 8+8*\n(sp)
    .endr
    sd a0, 104(sp)
    csrw mscratch, sp
    la t0, enter_trap
    csrw mtvec, t0
    ld t0, ENTRY_PC(a0)
    csrw mepc, t0
    ld t0, ENTRY_STATUS(a0)
    csrw mstatus, t0
    ld a1, ENTRY_ARGUMENTS+8(a0)
    ld a2, ENTRY_ARGUMENTS+16(a0)
    ld a3, ENTRY_ARGUMENTS+24(a0)
    ld a0, ENTRY_ARGUMENTS(a0)
    mret

    .balign 4
enter_trap:
    csrrw sp, mscratch, sp
    sd t0, 112(sp)
    csrr t0, mcause
    bltz t0, timer_interrupt
    ld t0, 104(sp)
    sd a0, ENTRY_RESULT(t0)
    call record_trap
    la t0, trap_entry
    csrw mtvec, t0
    ld ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld s\n, 8+8*\n(sp)
    .endr
    addi sp, sp, 128
    ret

# The interrupted code goes on as if nothing had happened.
timer_interrupt:
    sd t1, 120(sp)
    csrr t0, time
    addi t0, t0, INTERRUPT_INTERVAL
    li t1, MTIMECMP
    sd t0, 0(t1)
    la t1, access_interrupts
    ld t0, 0(t1)
    addi t0, t0, 1
    sd t0, 0(t1)
    ld t1, 120(sp)
    ld t0, 112(sp)
    csrrw sp, mscratch, sp
    mret

# t0: struct entry
record_trap:
    csrr t1, mcause
    sd t1, ENTRY_CAUSE(t0)
    csrr t1, mtval
    sd t1, ENTRY_VALUE(t0)
    csrr t1, mepc
    sd t1, ENTRY_AT(t0)
    ret

# With MPRV set, loads and stores are made as if at the privilege in MPP; a trap sets MPP to M and so
# ends that.
    .macro machine_access name, instruction, register
    .globl \name
\name:
    mv t0, a0
    mv t2, ra
    la t1, 1f
    csrw mtvec, t1
    csrr t3, mstatus
    li t1, MACHINE_ACCESS_DONE
    sd t1, ENTRY_CAUSE(t0)
    ld t1, ENTRY_STATUS(t0)
    ld a0, ENTRY_ARGUMENTS(t0)
    ld a1, ENTRY_ARGUMENTS+8(t0)
    csrw mstatus, t1
    \instruction \register, 0(a0)
    csrw mstatus, t3
    mv a0, \register
    sd a0, ENTRY_RESULT(t0)
    j 2f
    .balign 4
1:  csrw mstatus, t3
    call record_trap
2:  la t1, trap_entry
    csrw mtvec, t1
    mv ra, t2
    ret
    .endm

    machine_access machine_load, ld, a1
    machine_access machine_store, sd, a1
