#include "memory.h"
#include "phases.h"

enum { LIMIT = 1 << 18, ROUNDS_PER_100_PERCENT = 60 };

static uint8_t composite[LIMIT];

uint64_t phase_sieve(uint64_t scale) {
  uint64_t checksum = 0;
  uint64_t rounds = (scale * ROUNDS_PER_100_PERCENT + 99) / 100;
  for (uint64_t round = 0; round < rounds; round++) {
    memset(composite, 0, LIMIT);
    for (uint32_t i = 2; i * i < LIMIT; i++) {
      if (composite[i]) continue;
      for (uint32_t j = i * i; j < LIMIT; j += i) composite[j] = 1;
    }
    for (uint32_t i = 2; i < LIMIT; i++) {
      if (!composite[i]) checksum = checksum * 31 + i;
    }
  }
  return checksum;
}
