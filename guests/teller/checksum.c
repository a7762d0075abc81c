#include "checksum.h"

static uint32_t table[256];

static void fill_table(void) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
    table[byte] = value;
  }
}

uint32_t checksum32(const void *data, size_t bytes) {
  if (!table[1]) fill_table();
  uint32_t checksum = 0xffffffffu;
  for (const uint8_t *byte = data; bytes--; byte++) {
    checksum = checksum >> 8 ^ table[(checksum ^ *byte) & 0xff];
  }
  return ~checksum;
}
