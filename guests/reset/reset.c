/*
 * Reset and power-off with disk writes outstanding. Boots are counted in sector 0; an odd boot starts
 * WRITES writes and resets the board without waiting for them, an even one checks that all of them
 * reached the disk, starts as many and powers off. The board lets operations settle first, so after the
 * guest has ended the disk holds the pattern of the even boot.
 *
 * The area of write i is AREA_SECTORS sectors at FIRST_SECTOR + i * AREA_SECTORS; every 64-bit word of
 * it is boot << 32 | i.
 */
#include "disk.h"
#include "memory.h"
#include "power.h"
#include "print.h"

enum { WRITES = 6, FIRST_SECTOR = 64, AREA_SECTORS = 16 };
enum { EXIT_DISK = 1, EXIT_WRITES_MISSING = 2 };

#define MAGIC 0x5445534552ull /* "RESET" in memory order */

static struct {
  uint64_t magic;
  uint64_t boots;
  uint8_t unused[SECTOR_BYTES - 16];
} counter;

static uint64_t areas[WRITES][AREA_SECTORS * SECTOR_BYTES / 8];

static struct disk_request area_request(enum disk_command command, uint32_t index) {
  return (struct disk_request){
      .command = command,
      .sector = FIRST_SECTOR + index * AREA_SECTORS,
      .sectors = AREA_SECTORS,
      .data = areas[index],
  };
}

static void start_writes(uint64_t boot) {
  static struct disk_request requests[WRITES];
  for (uint32_t i = 0; i < WRITES; i++) {
    for (size_t word = 0; word < sizeof areas[i] / 8; word++) areas[i][word] = boot << 32 | i;
    requests[i] = area_request(DISK_WRITE, i);
    disk_submit(&requests[i]);
  }
}

static uint64_t count_areas_of(uint64_t boot) {
  uint64_t found = 0;
  for (uint32_t i = 0; i < WRITES; i++) {
    struct disk_request read = area_request(DISK_READ, i);
    if (!disk_perform(&read)) return 0;
    bool equal = true;
    for (size_t word = 0; word < sizeof areas[i] / 8; word++) equal &= areas[i][word] == (boot << 32 | i);
    found += equal;
  }
  return found;
}

int main(void) {
  if (!disk_open()) return EXIT_DISK;
  struct disk_request access = {.command = DISK_READ, .sectors = 1, .data = &counter};
  if (!disk_perform(&access)) return EXIT_DISK;
  if (counter.magic != MAGIC) counter.boots = 0;
  counter.magic = MAGIC;
  counter.boots++;
  access.command = DISK_WRITE;
  struct disk_request flush = {.command = DISK_FLUSH};
  if (!disk_perform(&access) || !disk_perform(&flush)) return EXIT_DISK;

  if (counter.boots % 2 == 1) {
    print("reset: boot %u, resetting with %u writes outstanding\n", counter.boots, (uint64_t)WRITES);
    start_writes(counter.boots);
    power_reset();
  }
  uint64_t found = count_areas_of(counter.boots - 1);
  print("reset: boot %u, %u of %u writes from before the reset are on disk\n", counter.boots, found,
        (uint64_t)WRITES);
  print("reset: powering off with %u writes outstanding\n", (uint64_t)WRITES);
  start_writes(counter.boots);
  return found == WRITES ? 0 : EXIT_WRITES_MISSING;
}
