/*
 * Sv39 under stress, without fences. Random page-table entries and code are edited by M-mode, through
 * virtual addresses from S-mode, and by code that changes itself; S-mode, U-mode and MPRV accesses follow
 * at once, with no sfence.vma and no fence.i anywhere. Each is compared with what a software walk of the
 * tables in memory says, down to the A and D bits. Timer interrupts come in between.
 *
 * The specification lets a hart use stale entries here. Lockstep promises not to: what its caches hold
 * must never be seen, or a replica that starts from a snapshot would diverge. Elsewhere (QEMU) the boot
 * argument `fences` makes the same rounds with the fences in; the checksums are the same.
 *
 * Boot arguments: rounds=N (48), fences.
 */
#include "access.h"
#include "clock.h"
#include "csr.h"
#include "device_tree.h"
#include "print.h"
#include "random.h"
#include "steps.h"
#include "tables.h"

enum { STEPS_PER_ROUND = 96, EXIT_CHECK_FAILED = 1 };

int main(void) {
  uint64_t rounds = boot_argument("rounds", 48);
  bool fences = boot_flag("fences");
  print("paging: %u rounds %s fences\n", rounds, fences ? "with" : "without");
  access_set_up(fences);
  tables_set_up();
  csr_write(mie, 1ull << INTERRUPT_MACHINE_TIMER);
  clock_set_comparator(clock_ticks());

  uint64_t checksum = 0;
  for (uint64_t round = 1; round <= rounds; round++) {
    random_seed(round);
    for (uint64_t step = 1; step <= STEPS_PER_ROUND; step++) {
      if (!step_perform(&checksum)) {
        print("paging: failed in round %u, step %u\n", round, step);
        return EXIT_CHECK_FAILED;
      }
    }
    checksum = tables_digest(checksum);
    print("paging: round %u checksum %016x\n", round, checksum);
  }
  print("paging: %u rounds, %u timer interrupts, checksum %016x\n", rounds, access_interrupts, checksum);
  return 0;
}
