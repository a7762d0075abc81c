/* The same random choices in every run: xorshift64. */
#pragma once

#include "types.h"

extern uint64_t random_state;

static inline void random_seed(uint64_t seed) {
  random_state = seed * 0x9e3779b97f4a7c15ull;
}

static inline uint64_t random_word(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static inline uint64_t random_below(uint64_t limit) {
  return (random_word() >> 16) % limit;
}
