/* Time: the `time` counter (ticks of 100 ns), its comparator, and the goldfish real-time clock. */
#pragma once

#include "board.h"
#include "csr.h"

#define TICKS_PER_MILLISECOND (BOARD_TICKS_PER_SECOND / 1000)
#define CLOCK_NEVER (~0ull)

/* Ticks, from the CSR; clock_mtime reads the same counter through the CLINT. */
static inline uint64_t clock_ticks(void) {
  return csr_read(time);
}

uint64_t clock_mtime(void);

/* The timer interrupt is pending from `ticks` on; CLOCK_NEVER clears it. */
void clock_set_comparator(uint64_t ticks);

/* Nanoseconds since 1970-01-01T00:00:00Z. */
uint64_t clock_time_of_day(void);
