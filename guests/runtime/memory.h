/* The memory functions that a compiler may call by itself, and text comparison. */
#pragma once

#include "types.h"

void *memcpy(void *target, const void *source, size_t size);
void *memmove(void *target, const void *source, size_t size);
void *memset(void *target, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);
size_t strlen(const char *text);
bool text_equal(const char *left, const char *right);
