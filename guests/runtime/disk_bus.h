/* Between the disk driver and the protocols it speaks: what a request looks like on each bus. */
#pragma once

#include "disk.h"
#include "disk_outcome.h"
#include "scsi.h"
#include "virtio.h"

/* Virtio 1.2, section 5.2.6. */
struct virtio_blk_header {
  uint32_t type;
  uint32_t reserved;
  uint64_t sector;
};

/* What stands around the data of a request. */
union disk_message {
  struct {
    struct virtio_scsi_command command;
    struct virtio_scsi_response response;
  } scsi;
  struct {
    struct virtio_blk_header header;
    uint8_t status;
  } blk;
};

struct disk_bus {
  uint32_t device_id;
  uint32_t features;
  uint32_t queue;
  /* Where header and answer are in a message, and whether the answer comes before data from the device. */
  size_t header_offset, header_bytes, answer_offset, answer_bytes;
  bool answer_first;
  void (*fill)(union disk_message *message, const struct disk_request *request);
  struct disk_outcome (*outcome)(const union disk_message *message);
  /* Asks the disk what it is; the number of its sectors, or 0 with a line on the console. */
  uint64_t (*identify)(struct disk *disk);
};

extern const struct disk_bus disk_bus_scsi, disk_bus_blk;

/* Performs the message that `fill` makes; it may be tried several times. */
bool disk_ask(struct disk *disk, void (*fill)(union disk_message *message, const void *argument),
              const void *argument, void *answer, size_t answer_bytes);

/* The registers of a disk that has been opened. */
uintptr_t disk_device(const struct disk *disk);
