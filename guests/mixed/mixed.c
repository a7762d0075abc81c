/*
 * One disk on each bus and a source of random bytes. Every round draws random words and writes the same
 * block to both disks, DEPTH rounds in flight at once, with a flush of both now and then; at the end both
 * disks must hold what was written last, and the console says the checksum of all that was drawn.
 *
 *   rounds=N  rounds (64)
 *
 * Block i of a disk is BLOCK_SECTORS sectors at FIRST_SECTOR + i * BLOCK_SECTORS; a round writes block
 * round % BLOCKS. It holds the round, then 64-bit words that go on from a random one.
 */
#include "device_tree.h"
#include "disk.h"
#include "entropy.h"
#include "memory.h"
#include "print.h"

enum { FIRST_SECTOR = 8, BLOCK_SECTORS = 4, BLOCKS = 16, DEPTH = 4, FLUSH_EVERY = 8, DISKS = 2 };
enum { EXIT_DEVICES = 1, EXIT_DISK = 2, EXIT_CONTENTS = 3 };
enum { WORDS = BLOCK_SECTORS * SECTOR_BYTES / 8 };

static struct disk *disks[DISKS];
static uint64_t latest[BLOCKS][2]; /* round and random word of each block */

static struct {
  uint64_t words[WORDS];
  struct disk_request writes[DISKS];
} flights[DEPTH];

static void fill(uint64_t *words, uint64_t round, uint64_t random) {
  words[0] = round;
  for (int word = 1; word < WORDS; word++) words[word] = random + (uint64_t)word;
}

static bool land(uint64_t round) {
  bool good = true;
  for (int disk = 0; disk < DISKS; disk++) good &= disk_finish(&flights[round % DEPTH].writes[disk]);
  return good;
}

static bool flush(void) {
  struct disk_request flushes[DISKS];
  bool good = true;
  for (int disk = 0; disk < DISKS; disk++) {
    flushes[disk] = (struct disk_request){.disk = disks[disk], .command = DISK_FLUSH};
    disk_submit(&flushes[disk]);
  }
  for (int disk = 0; disk < DISKS; disk++) good &= disk_finish(&flushes[disk]);
  return good;
}

static bool start(uint64_t round, uint64_t random) {
  uint64_t block = round % BLOCKS;
  latest[block][0] = round;
  latest[block][1] = random;
  fill(flights[round % DEPTH].words, round, random);
  for (int disk = 0; disk < DISKS; disk++) {
    struct disk_request *write = &flights[round % DEPTH].writes[disk];
    *write = (struct disk_request){
        .disk = disks[disk],
        .command = DISK_WRITE,
        .sector = FIRST_SECTOR + block * BLOCK_SECTORS,
        .sectors = BLOCK_SECTORS,
        .data = flights[round % DEPTH].words,
    };
    disk_submit(write);
  }
  return round % FLUSH_EVERY != 0 || flush();
}

static bool holds(struct disk *disk, uint64_t block) {
  static uint64_t expected[WORDS], found[WORDS];
  struct disk_request read = {
      .disk = disk,
      .command = DISK_READ,
      .sector = FIRST_SECTOR + block * BLOCK_SECTORS,
      .sectors = BLOCK_SECTORS,
      .data = found,
  };
  fill(expected, latest[block][0], latest[block][1]);
  return disk_perform(&read) && memcmp(expected, found, sizeof found) == 0;
}

int main(void) {
  disks[0] = disk_open_scsi();
  disks[1] = disk_open_blk();
  if (!disks[0] || !disks[1] || !entropy_open()) {
    print("mixed: a device is missing\n");
    return EXIT_DEVICES;
  }
  uint64_t rounds = boot_argument("rounds", 64);
  uint64_t checksum = 0;
  for (uint64_t round = 1; round <= rounds; round++) {
    uint64_t random;
    entropy_read(&random, sizeof random);
    checksum = checksum * 31 + random;
    if (round > DEPTH && !land(round - DEPTH)) return EXIT_DISK;
    if (!start(round, random)) return EXIT_DISK;
    print("mixed: round %u\n", round);
  }
  for (uint64_t round = rounds > DEPTH ? rounds - DEPTH + 1 : 1; round <= rounds; round++) {
    if (!land(round)) return EXIT_DISK;
  }
  if (!flush()) return EXIT_DISK;
  uint64_t equal = 0, written = rounds < BLOCKS ? rounds : BLOCKS;
  for (uint64_t round = rounds - written + 1; round <= rounds; round++) {
    equal += holds(disks[0], round % BLOCKS) && holds(disks[1], round % BLOCKS);
  }
  print("mixed: %u rounds, %u of %u blocks as written on both disks, checksum %016x\n", rounds, equal, written,
        checksum);
  return equal == written ? 0 : EXIT_CONTENTS;
}
