/* The phases of guests/bench on the host itself, each timed by the host's monotonic clock. */
#include "phases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int main(int count, char **arguments) {
  uint64_t scale = count > 1 ? strtoull(arguments[1], NULL, 10) : 100;
  for (size_t i = 0; i < PHASES; i++) {
    uint64_t began = nanoseconds();
    uint64_t checksum = phases[i].run(scale);
    uint64_t took = nanoseconds() - began;
    printf("phase %s nanoseconds %" PRIu64 " checksum %016" PRIx64 "\n", phases[i].name, took, checksum);
  }
  return 0;
}
