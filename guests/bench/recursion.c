#include "phases.h"

enum { ARGUMENT = 22, CALLS_PER_100_PERCENT = 400 };

/* noinline and the opaque argument keep the compiler from turning calls into loops. */
__attribute__((noinline)) static uint64_t fibonacci(uint64_t n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

uint64_t phase_recursion(uint64_t scale) {
  uint64_t checksum = 0;
  uint64_t calls = (scale * CALLS_PER_100_PERCENT + 99) / 100;
  for (uint64_t count = 0; count < calls; count++) {
    uint64_t n = ARGUMENT;
    __asm__ volatile("" : "+r"(n));
    checksum = checksum * 31 + fibonacci(n);
  }
  return checksum;
}
