#include "wait.h"

#include "trap.h"

static void sleep_until(volatile bool *flag) {
  bool enabled = interrupts_disable();
  /* WFI ends for a pending interrupt also while MIE is off, so the flag cannot be missed between. */
  while (!*flag) {
    __asm__ volatile("wfi" ::: "memory");
    interrupts_enable();
    interrupts_disable();
  }
  interrupts_restore(enabled);
}

static waiter current = sleep_until;

void wait_until(volatile bool *flag) {
  current(flag);
}

void wait_with(waiter replacement) {
  current = replacement;
}
