/* The disk driver's words for virtio-blk (virtio 1.2, section 5.2). */
#include "disk_bus.h"
#include "memory.h"
#include "print.h"

enum { REQUEST_QUEUE = 0, FEATURE_FLUSH = 1 << 9, ID_BYTES = 20 };
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, TYPE_GET_ID = 8 };
enum { STATUS_OK = 0, STATUS_IO_ERROR = 1, STATUS_UNTOUCHED = 0xff };

static void fill(union disk_message *message, const struct disk_request *request) {
  static const uint32_t types[] = {[DISK_READ] = TYPE_IN, [DISK_WRITE] = TYPE_OUT, [DISK_FLUSH] = TYPE_FLUSH};
  message->blk.header.type = types[request->command];
  message->blk.header.sector = request->command == DISK_FLUSH ? 0 : request->sector;
  message->blk.status = STATUS_UNTOUCHED;
}

static struct disk_outcome outcome(const union disk_message *message) {
  switch (message->blk.status) {
    case STATUS_OK:
      return (struct disk_outcome){.kind = DISK_GOOD, .reason = "good"};
    case STATUS_IO_ERROR:
      return (struct disk_outcome){.kind = DISK_FAILED, .reason = "I/O error"};
    default:
      return (struct disk_outcome){.kind = DISK_FAILED, .reason = "request not supported"};
  }
}

static void fill_get_id(union disk_message *message, const void *argument) {
  (void)argument;
  message->blk.header.type = TYPE_GET_ID;
  message->blk.status = STATUS_UNTOUCHED;
}

static uint64_t identify(struct disk *disk) {
  static char id[ID_BYTES + 1];
  if (!disk_ask(disk, fill_get_id, NULL, id, ID_BYTES)) {
    print("[disk] the virtio-blk disk does not say its id\n");
    return 0;
  }
  uintptr_t device = disk_device(disk);
  uint64_t sectors = virtio_configuration(device, 0) | (uint64_t)virtio_configuration(device, 4) << 32;
  print("[disk] virtio-blk %s, %u sectors\n", id, sectors);
  return sectors;
}

const struct disk_bus disk_bus_blk = {
    .device_id = VIRTIO_ID_BLOCK,
    .features = FEATURE_FLUSH,
    .queue = REQUEST_QUEUE,
    .header_offset = offsetof(union disk_message, blk.header),
    .header_bytes = sizeof(struct virtio_blk_header),
    .answer_offset = offsetof(union disk_message, blk.status),
    .answer_bytes = sizeof(uint8_t),
    .answer_first = false,
    .fill = fill,
    .outcome = outcome,
    .identify = identify,
};
