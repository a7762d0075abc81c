/* Control and status registers by name, and the bits that guests use (privileged specification 1.12). */
#pragma once

#include "types.h"

#define csr_read(name)                                            \
  ({                                                              \
    uint64_t csr_value;                                           \
    __asm__ volatile("csrr %0, " #name : "=r"(csr_value)::"memory"); \
    csr_value;                                                    \
  })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"((uint64_t)(value)) : "memory")
#define csr_set(name, bits) __asm__ volatile("csrs " #name ", %0" ::"r"((uint64_t)(bits)) : "memory")
#define csr_clear(name, bits) __asm__ volatile("csrc " #name ", %0" ::"r"((uint64_t)(bits)) : "memory")

#define MSTATUS_MIE (1ull << 3)
#define MSTATUS_MPIE (1ull << 7)
#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_MPP (3ull << MSTATUS_MPP_SHIFT)
/* The floating-point registers may be used. */
#define MSTATUS_FS_INITIAL (1ull << 13)
#define MSTATUS_MPRV (1ull << 17)
#define MSTATUS_SUM (1ull << 18)
#define MSTATUS_MXR (1ull << 19)

#define INTERRUPT_MACHINE_TIMER 7
#define INTERRUPT_MACHINE_EXTERNAL 11
#define CAUSE_INTERRUPT (1ull << 63)
