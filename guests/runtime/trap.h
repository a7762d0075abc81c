/* Traps: interrupts go to handlers that guests install, any exception ends the guest with a report. */
#pragma once

#include "types.h"

/* As trap_entry.S saves it: x[0] holds mepc, x[1] to x[31] the registers. */
struct trap_frame {
  uint64_t x[32];
};

/* Exit code of a guest that met an exception or an interrupt nobody handles. */
enum { EXIT_UNEXPECTED_TRAP = 99 };

typedef void (*timer_handler)(void);

/* Called with interrupts off; it must move or clear the comparator. */
void trap_on_timer(timer_handler handler);

void interrupts_enable(void);

/* Returns whether they were enabled, for interrupts_restore. */
bool interrupts_disable(void);
void interrupts_restore(bool enabled);
