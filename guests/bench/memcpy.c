#include "memory.h"
#include "phases.h"

enum { BLOCK = 1 << 16, COPIES_PER_PERCENT = 55 };

static uint64_t source[BLOCK / 8], target[BLOCK / 8 + 1];

uint64_t phase_memcpy(uint64_t scale) {
  for (uint64_t i = 0; i < BLOCK / 8; i++) source[i] = i * 0x9e3779b97f4a7c15ull;
  uint64_t checksum = 0;
  for (uint64_t count = 0; count < scale * COPIES_PER_PERCENT; count++) {
    source[count % (BLOCK / 8)] ^= count;
    memcpy(target, source, BLOCK);
    checksum = checksum * 31 + target[(count * 97) % (BLOCK / 8)];
  }
  return checksum;
}
