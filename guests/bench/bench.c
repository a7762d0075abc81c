/*
 * Compute-bound phases for measuring an engine. The boot argument `scale` (default 100) sets the length
 * in percent: 100 is about 1.5 G instructions, 1 about 15 M. The checksums depend on the scale only.
 *
 * `instructions` is the difference of minstret: exact on Lockstep and on QEMU with -icount; plain QEMU
 * counts host clock cycles there.
 */
#include "clock.h"
#include "csr.h"
#include "device_tree.h"
#include "phases.h"
#include "print.h"

static const struct {
  const char *name;
  uint64_t (*run)(uint64_t scale);
} phases[] = {
    {"sieve", phase_sieve},         {"hash", phase_hash},
    {"matrix", phase_matrix},       {"sort", phase_sort},
    {"recursion", phase_recursion}, {"memcpy", phase_memcpy},
};

int main(void) {
  uint64_t scale = boot_argument("scale", 100);
  print("bench: scale %u\n", scale);
  uint64_t all_instructions = 0;
  uint64_t all_ticks = 0;
  for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
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
