/* SCSI commands and their outcome as virtio-scsi carries them (virtio 1.1, section 5.6.6; SPC-4, SBC-3). */
#pragma once

#include "disk_outcome.h"
#include "types.h"

enum {
  SCSI_TEST_UNIT_READY = 0x00,
  SCSI_INQUIRY = 0x12,
  SCSI_READ_10 = 0x28,
  SCSI_WRITE_10 = 0x2a,
  SCSI_SYNCHRONIZE_CACHE_10 = 0x35,
  SCSI_SERVICE_ACTION_IN_16 = 0x9e,
  SCSI_READ_CAPACITY_16 = 0x10,
};

struct virtio_scsi_command {
  uint8_t lun[8];
  uint64_t tag;
  uint8_t task_attribute;
  uint8_t priority;
  uint8_t command_reference;
  uint8_t cdb[32];
} __attribute__((packed));

struct virtio_scsi_response {
  uint32_t sense_length;
  uint32_t residual;
  uint16_t status_qualifier;
  uint8_t status;
  uint8_t response;
  uint8_t sense[96];
} __attribute__((packed));

struct disk_outcome scsi_outcome_of(const struct virtio_scsi_response *response);

/* SCSI numbers are big-endian. */
static inline uint32_t scsi_get32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static inline void scsi_put32(uint8_t *bytes, uint32_t value) {
  for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}
