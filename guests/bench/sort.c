#include "phases.h"

enum { KEYS = 1 << 15, ROUNDS_PER_100_PERCENT = 60 };

static uint64_t keys[KEYS];

static void sort_range(uint64_t *low, uint64_t *high) {
  while (low < high) {
    uint64_t pivot = low[(high - low) / 2];
    uint64_t *left = low;
    uint64_t *right = high;
    while (left <= right) {
      while (*left < pivot) left++;
      while (*right > pivot) right--;
      if (left > right) break;
      uint64_t swap = *left;
      *left++ = *right;
      *right-- = swap;
    }
    sort_range(low, right);
    low = left;
  }
}

uint64_t phase_sort(uint64_t scale) {
  uint64_t rounds = (scale * ROUNDS_PER_100_PERCENT + 99) / 100;
  uint64_t random = 88172645463325252ull;
  uint64_t checksum = 0;
  for (uint64_t round = 0; round < rounds; round++) {
    for (int i = 0; i < KEYS; i++) {
      /* xorshift64 */
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      keys[i] = random;
    }
    sort_range(keys, keys + KEYS - 1);
    for (int i = 0; i < KEYS; i += 64) checksum = checksum * 31 + keys[i];
  }
  return checksum;
}
