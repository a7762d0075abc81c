/* Formatted printing: %s %c %u %d %x (all integers 64 bits wide), %% and zero padding such as %06u. */
#pragma once

#include "types.h"

/* To the console. Integer arguments must be 64 bits wide. */
void print(const char *format, ...);

/* Into a buffer of `size` bytes, always zero-terminated; returns the length written. */
size_t print_into(char *buffer, size_t size, const char *format, ...);
