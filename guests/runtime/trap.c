#include "trap.h"

#include "csr.h"
#include "plic.h"
#include "power.h"
#include "print.h"

static timer_handler on_timer;

void trap_on_timer(timer_handler handler) {
  on_timer = handler;
  csr_set(mie, 1ull << INTERRUPT_MACHINE_TIMER);
}

void interrupts_enable(void) {
  csr_set(mstatus, MSTATUS_MIE);
}

bool interrupts_disable(void) {
  uint64_t before;
  __asm__ volatile("csrrc %0, mstatus, %1" : "=r"(before) : "r"(MSTATUS_MIE) : "memory");
  return (before & MSTATUS_MIE) != 0;
}

void interrupts_restore(bool enabled) {
  if (enabled) interrupts_enable();
}

/* Called by trap_entry.S. */
void trap_dispatch(struct trap_frame *frame, uint64_t cause, uint64_t value) {
  if (cause == (CAUSE_INTERRUPT | INTERRUPT_MACHINE_TIMER) && on_timer) {
    on_timer();
    return;
  }
  if (cause == (CAUSE_INTERRUPT | INTERRUPT_MACHINE_EXTERNAL)) {
    plic_dispatch();
    return;
  }
  print("unexpected trap: cause %x pc %x value %x\n", cause, frame->x[0], value);
  power_off(EXIT_UNEXPECTED_TRAP);
}
