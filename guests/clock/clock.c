/*
 * Time of day and timer interrupts: sleeps `ticks` times (default 20) for `interval` microseconds
 * (default 10000), and checks that no clock ever goes back and no timer interrupt comes early.
 */
#include "calendar.h"
#include "clock.h"
#include "device_tree.h"
#include "print.h"
#include "trap.h"
#include "wait.h"

enum { EXIT_TIME_WENT_BACK = 1, EXIT_TIMER_EARLY = 2, EXIT_TIME_OF_DAY_WENT_BACK = 3 };
enum { READS_PER_TICK = 200, TIME_OF_DAY_READS_PER_TICK = 4 };

static volatile bool fired;
static volatile uint64_t fired_at;

static void on_timer(void) {
  fired_at = clock_ticks();
  fired = true;
  clock_set_comparator(CLOCK_NEVER);
}

static void print_time_of_day(const char *label, uint64_t nanoseconds) {
  struct date date = date_of(nanoseconds / 1000000000);
  print("%s %04u-%02u-%02uT%02u:%02u:%02u.%09uZ\n", label, date.year, date.month, date.day, date.hour,
        date.minute, date.second, nanoseconds % 1000000000);
}

int main(void) {
  uint64_t rounds = boot_argument("ticks", 20);
  uint64_t interval = boot_argument("interval", 10000) * (BOARD_TICKS_PER_SECOND / 1000000);
  uint64_t latest_ticks = clock_ticks();
  uint64_t latest_time_of_day = clock_time_of_day();
  uint64_t total_late = 0;
  print_time_of_day("clock: started at", latest_time_of_day);

  trap_on_timer(on_timer);
  interrupts_enable();
  uint64_t start = latest_ticks;
  for (uint64_t round = 1; round <= rounds; round++) {
    uint64_t due = clock_ticks() + interval;
    fired = false;
    clock_set_comparator(due);
    wait_until(&fired);
    if (fired_at < due) {
      print("clock: timer interrupt at %u, due at %u\n", fired_at, due);
      return EXIT_TIMER_EARLY;
    }
    total_late += fired_at - due;

    for (int read = 0; read < READS_PER_TICK; read++) {
      /* The CSR and the CLINT show one counter, so reads of both in turn never go back either. */
      uint64_t now = read & 1 ? clock_mtime() : clock_ticks();
      if (now < latest_ticks) {
        print("clock: time went back from %u to %u\n", latest_ticks, now);
        return EXIT_TIME_WENT_BACK;
      }
      latest_ticks = now;
    }
    for (int read = 0; read < TIME_OF_DAY_READS_PER_TICK; read++) {
      uint64_t now = clock_time_of_day();
      if (now < latest_time_of_day) {
        print("clock: time of day went back from %u to %u\n", latest_time_of_day, now);
        return EXIT_TIME_OF_DAY_WENT_BACK;
      }
      latest_time_of_day = now;
    }
    print("clock: tick %u at %u ticks\n", round, fired_at - start);
  }
  print_time_of_day("clock: ended at", latest_time_of_day);
  print("clock: %u timer interrupts, %u ticks late in all, no clock went back\n", rounds, total_late);
  return 0;
}
