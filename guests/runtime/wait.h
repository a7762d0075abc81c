/* How drivers wait: asleep in WFI, or in a kernel with tasks by letting another task run. */
#pragma once

#include "types.h"

typedef void (*waiter)(volatile bool *flag);

/* Returns when `*flag` is set, by an interrupt handler or another task. */
void wait_until(volatile bool *flag);

/* Replaces the way of waiting, which is sleeping in WFI at first. */
void wait_with(waiter replacement);
