#include "memory.h"

void *memcpy(void *target, const void *source, size_t size) {
  uint8_t *to = target;
  const uint8_t *from = source;
  if ((((uintptr_t)to ^ (uintptr_t)from) & 7) == 0) {
    for (; size && ((uintptr_t)to & 7); size--) *to++ = *from++;
    for (; size >= 8; size -= 8, to += 8, from += 8) *(uint64_t *)to = *(const uint64_t *)from;
  }
  while (size--) *to++ = *from++;
  return target;
}

void *memmove(void *target, const void *source, size_t size) {
  uint8_t *to = target;
  const uint8_t *from = source;
  if (to <= from || to >= from + size) return memcpy(target, source, size);
  while (size--) to[size] = from[size];
  return target;
}

void *memset(void *target, int value, size_t size) {
  uint8_t *to = target;
  uint64_t pattern = (uint8_t)value * 0x0101010101010101ull;
  for (; size && ((uintptr_t)to & 7); size--) *to++ = (uint8_t)value;
  for (; size >= 8; size -= 8, to += 8) *(uint64_t *)to = pattern;
  while (size--) *to++ = (uint8_t)value;
  return target;
}

int memcmp(const void *left, const void *right, size_t size) {
  const uint8_t *one = left;
  const uint8_t *other = right;
  for (; size--; one++, other++) {
    if (*one != *other) return *one < *other ? -1 : 1;
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}

bool text_equal(const char *left, const char *right) {
  while (*left && *left == *right) left++, right++;
  return *left == *right;
}
