#include "device_tree.h"

#include "memory.h"

enum {
  FDT_MAGIC = 0xd00dfeed,
  FDT_BEGIN_NODE = 1,
  FDT_END_NODE = 2,
  FDT_PROPERTY = 3,
  FDT_NOP = 4,
};

static const char *boot_arguments = "";

static uint32_t big_endian32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static const uint8_t *align4(const uint8_t *position) {
  return (const uint8_t *)(((uintptr_t)position + 3) & ~(uintptr_t)3);
}

void device_tree_use(const void *blob) {
  const uint8_t *base = blob;
  if (!base || big_endian32(base) != FDT_MAGIC) return;
  const uint8_t *position = base + big_endian32(base + 8);
  const char *strings = (const char *)base + big_endian32(base + 12);
  uint32_t depth = 0;
  bool in_chosen = false;
  for (;;) {
    uint32_t token = big_endian32(position);
    position += 4;
    if (token == FDT_BEGIN_NODE) {
      const char *name = (const char *)position;
      depth++;
      in_chosen = depth == 2 && text_equal(name, "chosen");
      position = align4(position + strlen(name) + 1);
    } else if (token == FDT_END_NODE) {
      depth--;
      in_chosen = false;
    } else if (token == FDT_PROPERTY) {
      uint32_t length = big_endian32(position);
      const char *name = strings + big_endian32(position + 4);
      const uint8_t *value = position + 8;
      if (in_chosen && length > 0 && text_equal(name, "bootargs")) {
        boot_arguments = (const char *)value;
        return;
      }
      position = align4(value + length);
    } else if (token != FDT_NOP) {
      return;
    }
  }
}

/* What follows `name` where a word starts with it, or null. */
static const char *after_name(const char *name) {
  size_t length = strlen(name);
  for (const char *word = boot_arguments; *word;) {
    while (*word == ' ') word++;
    size_t matched = 0;
    while (matched < length && word[matched] == name[matched]) matched++;
    if (matched == length) {
      char next = word[length];
      if (next == '=' || next == ' ' || next == 0) return word + length;
    }
    while (*word && *word != ' ') word++;
  }
  return NULL;
}

uint64_t boot_argument(const char *name, uint64_t otherwise) {
  const char *text = after_name(name);
  if (!text || *text != '=') return otherwise;
  uint64_t value = 0;
  for (text++; *text >= '0' && *text <= '9'; text++) value = value * 10 + (uint64_t)(*text - '0');
  return value;
}

bool boot_flag(const char *name) {
  const char *text = after_name(name);
  return text && *text != '=';
}
