# Routines for S and U mode, position-independent, without stack or relocations. Each ends in ecall with
# its result in a0. A `.word FENCE_…` is replaced by the fence itself, or by a nop (access.c).
    .equ FENCE_TABLES, 0x0000000b   # custom-0, never executed
    .equ FENCE_CODE, 0x0000100b

    .section .rodata.routines, "a"
    .option norvc
    .balign 4
    .globl routines_start, routines_end
    .globl routine_load, routine_store, routine_fetch, routine_sum
    .globl routine_edit_load, routine_toggle, routine_self_modify, routine_self_modify_target
routines_start:

# a0: address
routine_load:
    ld a0, 0(a0)
    ecall

# a0: address, a1: value
routine_store:
    sd a1, 0(a0)
    ecall

# a0: address to jump to; the code there adds to a0, which is 0 then
routine_fetch:
    mv t0, a0
    li a0, 0
    jr t0

# a0: address, a1: times; the sum of that many loads
routine_sum:
    li t1, 0
1:  ld t0, 0(a0)
    add t1, t1, t0
    addi a1, a1, -1
    bnez a1, 1b
    mv a0, t1
    ecall

# a0: address of a page-table entry, a1: its new value, a2: address to load from
routine_edit_load:
    sd a1, 0(a0)
    .4byte FENCE_TABLES
    ld a0, 0(a2)
    ecall

# a0: address of a page-table entry, a1 and a3: two values of it, a2: address to load from; the sum of
# 32 loads, with the entry exchanged before each
routine_toggle:
    li t1, 0
    li t2, 32
1:  sd a1, 0(a0)
    .4byte FENCE_TABLES
    ld t0, 0(a2)
    add t1, t1, t0
    mv t0, a1
    mv a1, a3
    mv a3, t0
    addi t2, t2, -1
    bnez t2, 1b
    mv a0, t1
    ecall

# a0: address of routine_self_modify_target, a1: the instruction to put there
routine_self_modify:
    sw a1, 0(a0)
    .4byte FENCE_CODE
routine_self_modify_target:
    li a0, 0
    ecall
routines_end:
