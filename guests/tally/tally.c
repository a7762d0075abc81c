/*
 * A planted bug for the README: items arrive by timer interrupts, `batch` (default 64) at a time, and the main
 * loop serves them. Once in a while some are lost, and nobody knows why: exit code 1.
 *
 * `arrivals` (default 1000) interrupts come, `interval` (default 20) microseconds apart.
 */
#include "clock.h"
#include "device_tree.h"
#include "print.h"
#include "trap.h"

enum { EXIT_LOST = 1 };
enum { LEAST_STIRS = 4, MOST_STIRS = 36 };

volatile uint64_t arrived;
volatile uint64_t queued;
volatile uint64_t served;

static uint64_t arrivals;
static uint64_t batch;
static uint64_t interval;
static volatile uint64_t comparator;

static void on_timer(void) {
  arrived += batch;
  queued += batch;
  arrivals--;
  comparator = arrivals == 0 ? CLOCK_NEVER : clock_ticks() + interval;
  clock_set_comparator(comparator);
}

/* Items take different times, so that interrupts come everywhere. */
static uint64_t stir(uint64_t value) {
  uint64_t stirs = LEAST_STIRS + value % (MOST_STIRS - LEAST_STIRS + 1);
  while (stirs-- > 0) value = value * 6364136223846793005u + 1442695040888963407u;
  return value;
}

int main(void) {
  arrivals = boot_argument("arrivals", 1000);
  batch = boot_argument("batch", 64);
  interval = boot_argument("interval", 20) * (BOARD_TICKS_PER_SECOND / 1000000);
  uint64_t sum = 0;

  trap_on_timer(on_timer);
  comparator = clock_ticks() + interval;
  clock_set_comparator(comparator);
  interrupts_enable();
  while (comparator != CLOCK_NEVER || queued > 0) {
    if (queued == 0) continue;
    sum = stir(sum + served);
    served++;
    /* The planted bug: an interrupt between the load and the store of this is forgotten. */
    queued--;
  }

  print("tally: %u items arrived, %u served, sum %x\n", arrived, served, sum);
  if (served == arrived) return 0;
  print("tally: %u items LOST\n", arrived - served);
  return EXIT_LOST;
}
