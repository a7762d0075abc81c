/*
 * Disks: LUN 0 of target 0 behind virtio-scsi, and the first virtio-blk device, each with several requests
 * outstanding. A SCSI request that ends in UNIT ATTENTION may or may not have been performed (a promoted
 * machine says so, paper rule IO2) and is sent again, as drivers of real systems do; virtio-blk has no
 * word for it, and there the machine itself performs it again.
 */
#pragma once

#include "types.h"

enum { SECTOR_BYTES = 512, DISK_MAXIMUM_SECTORS = 32, DISK_SLOTS = 8 };

enum disk_command { DISK_READ, DISK_WRITE, DISK_FLUSH };

struct disk;

/* Owned by the driver from disk_submit until disk_finish returns; so is the data. */
struct disk_request {
  struct disk *disk; /* NULL: the one that disk_open has found */
  enum disk_command command;
  uint64_t sector;
  uint32_t sectors; /* at most DISK_MAXIMUM_SECTORS */
  void *data;

  volatile bool done;
  uint32_t slot;
  uint32_t attempts;
};

/* Finds a disk, behind virtio-scsi if there is such a controller, and makes it ready. False, with a line
 * on the console, when there is none. */
bool disk_open(void);

/* The same for the disk of one kind; NULL when there is none. */
struct disk *disk_open_scsi(void);
struct disk *disk_open_blk(void);

/* Size in sectors of 512 bytes of the disk that disk_open has found. */
uint64_t disk_sectors(void);

/* Sends a request, after waiting for a free slot if need be: DISK_SLOTS requests may be unfinished, and
 * a caller should not hold more than half of them, or two callers can wait for each other. */
void disk_submit(struct disk_request *request);

/* Waits for it, with retries. False when the disk failed it, with a line on the console that says why. */
bool disk_finish(struct disk_request *request);

/* Submits and finishes. */
bool disk_perform(struct disk_request *request);
