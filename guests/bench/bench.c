/*
 * Compute-bound phases for measuring an engine. The boot argument `scale` (default 100) sets the length
 * in percent: 100 is about 1.8 G instructions, 1 about 31 M. The checksums depend on the scale only.
 * `wait` milliseconds (default 0) are slept through before the first one, so that a backup can join.
 *
 * `instructions` is the difference of minstret: exact on Lockstep and on QEMU with -icount; plain QEMU
 * counts host clock cycles there.
 */
#include "clock.h"
#include "csr.h"
#include "device_tree.h"
#include "phases.h"
#include "print.h"
#include "trap.h"
#include "wait.h"

static volatile bool awake;

static void on_timer(void) {
  awake = true;
  clock_set_comparator(CLOCK_NEVER);
}

static void sleep_for(uint64_t milliseconds) {
  trap_on_timer(on_timer);
  interrupts_enable();
  clock_set_comparator(clock_ticks() + milliseconds * TICKS_PER_MILLISECOND);
  wait_until(&awake);
  interrupts_disable();
}

int main(void) {
  csr_set(mstatus, MSTATUS_FS_INITIAL);
  uint64_t scale = boot_argument("scale", 100);
  uint64_t wait = boot_argument("wait", 0);
  if (wait > 0) sleep_for(wait);
  print("bench: scale %u\n", scale);
  uint64_t all_instructions = 0;
  uint64_t all_ticks = 0;
  for (size_t i = 0; i < PHASES; i++) {
    uint64_t ticks = clock_ticks();
    uint64_t instructions = csr_read(minstret);
    uint64_t checksum = phases[i].run(scale);
    instructions = csr_read(minstret) - instructions;
    ticks = clock_ticks() - ticks;
    all_instructions += instructions;
    all_ticks += ticks;
    print("phase %s instructions %u ticks %u checksum %016x\n", phases[i].name, instructions, ticks, checksum);
  }
  print("bench: instructions %u ticks %u\n", all_instructions, all_ticks);
  return 0;
}
