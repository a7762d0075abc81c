# void task_switch(uint64_t **from, uint64_t *to), see task.c. The frame holds ra, then s0 to s11.
    .text
    .globl task_switch
task_switch:
    addi sp, sp, -112
    sd ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd s\n, 8+8*\n(sp)
    .endr
    sd sp, 0(a0)
    mv sp, a1
    ld ra, 0(sp)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld s\n, 8+8*\n(sp)
    .endr
    addi sp, sp, 112
    ret
