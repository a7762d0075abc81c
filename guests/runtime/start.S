# Entry in M-mode with the hart id in a0 and the device tree in a1, as a boot ROM leaves it.
    .section .text.start, "ax"
    .globl _start
_start:
    bnez a0, park
    la sp, boot_stack_top
    la t0, trap_entry
    csrw mtvec, t0
    # Zeroed here too: a reboot must not depend on what the loader did with the gap.
    la t0, bss_start
    la t1, bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  mv a0, a1
    call device_tree_use
    call main
    call power_off
park:
    wfi
    j park
