/* The disk driver's words for virtio-scsi. */
#include "disk_bus.h"
#include "memory.h"
#include "print.h"

enum { REQUEST_QUEUE = 2 };

static void address(union disk_message *message) {
  message->scsi.command.lun[0] = 1;
  message->scsi.command.lun[2] = 0x40;
}

static void fill(union disk_message *message, const struct disk_request *request) {
  uint8_t *cdb = message->scsi.command.cdb;
  address(message);
  message->scsi.command.tag = request->slot;
  if (request->command == DISK_FLUSH) {
    cdb[0] = SCSI_SYNCHRONIZE_CACHE_10;
    return;
  }
  cdb[0] = request->command == DISK_READ ? SCSI_READ_10 : SCSI_WRITE_10;
  scsi_put32(cdb + 2, (uint32_t)request->sector);
  cdb[7] = (uint8_t)(request->sectors >> 8);
  cdb[8] = (uint8_t)request->sectors;
}

static struct disk_outcome outcome(const union disk_message *message) {
  return scsi_outcome_of(&message->scsi.response);
}

/* A command that only reads a small answer; power-on attention is expected here and not reported. */
static void fill_inquiring(union disk_message *message, const void *cdb) {
  address(message);
  memcpy(message->scsi.command.cdb, cdb, 16);
}

/* SCSI pads text with spaces. */
static void copy_trimmed(char *text, const uint8_t *field, size_t bytes) {
  while (bytes && field[bytes - 1] == ' ') bytes--;
  memcpy(text, field, bytes);
  text[bytes] = 0;
}

static uint64_t identify(struct disk *disk) {
  static uint8_t inquiry[36], size[32];
  const uint8_t test_unit_ready[16] = {SCSI_TEST_UNIT_READY};
  const uint8_t inquire[16] = {SCSI_INQUIRY, 0, 0, 0, sizeof inquiry};
  const uint8_t read_capacity[16] = {SCSI_SERVICE_ACTION_IN_16, SCSI_READ_CAPACITY_16, [13] = sizeof size};
  if (!disk_ask(disk, fill_inquiring, test_unit_ready, NULL, 0) ||
      !disk_ask(disk, fill_inquiring, inquire, inquiry, sizeof inquiry) ||
      !disk_ask(disk, fill_inquiring, read_capacity, size, sizeof size)) {
    print("[disk] target 0 LUN 0 does not answer\n");
    return 0;
  }
  if (scsi_get32(size + 8) != SECTOR_BYTES) {
    print("[disk] blocks of %u bytes, only %u can be used\n", (uint64_t)scsi_get32(size + 8),
          (uint64_t)SECTOR_BYTES);
    return 0;
  }
  uint64_t sectors = ((uint64_t)scsi_get32(size) << 32 | scsi_get32(size + 4)) + 1;
  char vendor[9], product[17];
  copy_trimmed(vendor, inquiry + 8, 8);
  copy_trimmed(product, inquiry + 16, 16);
  print("[disk] %s %s, %u sectors\n", vendor, product, sectors);
  return sectors;
}

const struct disk_bus disk_bus_scsi = {
    .device_id = VIRTIO_ID_SCSI,
    .queue = REQUEST_QUEUE,
    .header_offset = offsetof(union disk_message, scsi.command),
    .header_bytes = sizeof(struct virtio_scsi_command),
    .answer_offset = offsetof(union disk_message, scsi.response),
    .answer_bytes = sizeof(struct virtio_scsi_response),
    .answer_first = true,
    .fill = fill,
    .outcome = outcome,
    .identify = identify,
};
