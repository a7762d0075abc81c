/*
 * The phases of the bench: each does `scale` percent of its work and returns a checksum of the result. They need
 * nothing of the board, so that `deno task bench` compiles them for the host, too.
 */
#pragma once

#include "types.h"

/* Sieve of Eratosthenes over bytes: strided byte stores. */
uint64_t phase_sieve(uint64_t scale);
/* SHA-256 of a changing block: 32-bit arithmetic in registers. */
uint64_t phase_hash(uint64_t scale);
/* Product of 64-bit integer matrices: multiply and strided loads. */
uint64_t phase_integer_matrix(uint64_t scale);
/* Product of double-precision matrices, whose sums are rounded: the same in floating point. */
uint64_t phase_double_matrix(uint64_t scale);
/* Fibonacci numbers the slow way: calls and returns. */
uint64_t phase_recursion(uint64_t scale);
/* Quicksort of 64-bit keys: unpredictable branches. */
uint64_t phase_sort(uint64_t scale);
/* Copies of a block: wide loads and stores. */
uint64_t phase_memcpy(uint64_t scale);

enum { PHASES = 7 };

struct phase {
  const char *name;
  uint64_t (*run)(uint64_t scale);
};

/* All of them, in the order in which they run. */
extern const struct phase phases[PHASES];
