#include "disk.h"

#include "memory.h"
#include "plic.h"
#include "print.h"
#include "scsi.h"
#include "trap.h"
#include "virtio.h"
#include "wait.h"

enum {
  REQUEST_QUEUE = 2,
  DESCRIPTORS_PER_SLOT = VIRTQUEUE_SIZE / DISK_SLOTS,
  PAGE_BYTES = 4096,
  MAXIMUM_ATTEMPTS = 20,
};

static struct virtqueue queue;

/* One request in flight: its command and response live here, its descriptors at 8 * slot. */
static struct {
  struct virtio_scsi_command command;
  struct virtio_scsi_response response;
  volatile bool *done;
  bool free;
} slots[DISK_SLOTS];

static uint64_t capacity;

static const char *const command_names[] = {"read", "write", "flush"};

static void on_interrupt(void *context) {
  (void)context;
  virtio_acknowledge(queue.device);
  for (int head; (head = virtqueue_take_used(&queue)) >= 0;) {
    *slots[head / DESCRIPTORS_PER_SLOT].done = true;
  }
}

/* Whoever waits for a slot takes any: the one it waits for might be its own. */
static volatile bool slot_returned;

static uint32_t take_slot(void) {
  for (;;) {
    for (uint32_t slot = 0; slot < DISK_SLOTS; slot++) {
      if (!slots[slot].free) continue;
      slots[slot].free = false;
      return slot;
    }
    slot_returned = false;
    wait_until(&slot_returned);
  }
}

static void return_slot(uint32_t slot) {
  slots[slot].free = true;
  slot_returned = true;
}

/* Appends a buffer to the chain of `slot`, cut at page boundaries as kernels with paging do. */
static uint32_t chain(uint32_t slot, uint32_t used, const void *buffer, size_t bytes, uint16_t flags) {
  uintptr_t address = (uintptr_t)buffer;
  while (bytes) {
    size_t length = PAGE_BYTES - address % PAGE_BYTES;
    if (length > bytes) length = bytes;
    uint32_t index = slot * DESCRIPTORS_PER_SLOT + used++;
    queue.descriptors[index].address = address;
    queue.descriptors[index].length = (uint32_t)length;
    queue.descriptors[index].flags = flags | DESCRIPTOR_NEXT;
    queue.descriptors[index].next = (uint16_t)(index + 1);
    address += length;
    bytes -= length;
  }
  return used;
}

/* Sends the command that stands in the slot, with data to or from the device. */
static void send(uint32_t slot, void *data, size_t bytes, bool device_writes, volatile bool *done) {
  struct virtio_scsi_command *command = &slots[slot].command;
  command->lun[0] = 1;
  command->lun[2] = 0x40;
  command->tag = slot;
  slots[slot].done = done;
  *done = false;
  uint32_t used = chain(slot, 0, command, sizeof *command, 0);
  if (!device_writes) used = chain(slot, used, data, bytes, 0);
  used = chain(slot, used, &slots[slot].response, sizeof slots[slot].response, DESCRIPTOR_DEVICE_WRITES);
  if (device_writes) used = chain(slot, used, data, bytes, DESCRIPTOR_DEVICE_WRITES);
  queue.descriptors[slot * DESCRIPTORS_PER_SLOT + used - 1].flags &= (uint16_t)~DESCRIPTOR_NEXT;
  bool enabled = interrupts_disable();
  virtqueue_offer(&queue, (uint16_t)(slot * DESCRIPTORS_PER_SLOT));
  virtqueue_notify(&queue);
  interrupts_restore(enabled);
}

static void send_request(struct disk_request *request) {
  struct virtio_scsi_command *command = &slots[request->slot].command;
  memset(command, 0, sizeof *command);
  if (request->command == DISK_FLUSH) {
    command->cdb[0] = SCSI_SYNCHRONIZE_CACHE_10;
  } else {
    command->cdb[0] = request->command == DISK_READ ? SCSI_READ_10 : SCSI_WRITE_10;
    scsi_put32(command->cdb + 2, (uint32_t)request->sector);
    command->cdb[7] = (uint8_t)(request->sectors >> 8);
    command->cdb[8] = (uint8_t)request->sectors;
  }
  send(request->slot, request->data, request->sectors * (size_t)SECTOR_BYTES,
       request->command == DISK_READ, &request->done);
}

void disk_submit(struct disk_request *request) {
  if (request->command == DISK_FLUSH) request->sectors = 0;
  request->slot = take_slot();
  request->attempts = 0;
  send_request(request);
}

bool disk_finish(struct disk_request *request) {
  const char *name = command_names[request->command];
  for (;;) {
    wait_until(&request->done);
    struct scsi_outcome outcome = scsi_outcome_of(&slots[request->slot].response);
    if (outcome.kind == SCSI_GOOD) break;
    if (outcome.kind == SCSI_FAILED || ++request->attempts == MAXIMUM_ATTEMPTS) {
      print("[disk] %s: %s sector %u failed for good (sense %x/%02x/%02x)\n", outcome.reason, name,
            request->sector, outcome.key, outcome.code, outcome.qualifier);
      return_slot(request->slot);
      return false;
    }
    print("[disk] %s: retrying %s sector %u\n", outcome.reason, name, request->sector);
    send_request(request);
  }
  return_slot(request->slot);
  return true;
}

bool disk_perform(struct disk_request *request) {
  disk_submit(request);
  return disk_finish(request);
}

uint64_t disk_sectors(void) {
  return capacity;
}

/* A command that only reads a small answer; power-on attention is expected here and not reported. */
static bool ask(const uint8_t *cdb, size_t cdb_bytes, void *answer, size_t answer_bytes) {
  uint32_t slot = take_slot();
  bool good = false;
  for (int attempt = 0; attempt < MAXIMUM_ATTEMPTS && !good; attempt++) {
    volatile bool done;
    memset(&slots[slot].command, 0, sizeof slots[slot].command);
    memcpy(slots[slot].command.cdb, cdb, cdb_bytes);
    send(slot, answer, answer_bytes, true, &done);
    wait_until(&done);
    struct scsi_outcome outcome = scsi_outcome_of(&slots[slot].response);
    good = outcome.kind == SCSI_GOOD;
    if (outcome.kind == SCSI_FAILED) break;
  }
  return_slot(slot);
  return good;
}

/* SCSI pads text with spaces. */
static void copy_trimmed(char *text, const uint8_t *field, size_t bytes) {
  while (bytes && field[bytes - 1] == ' ') bytes--;
  memcpy(text, field, bytes);
  text[bytes] = 0;
}

bool disk_open(void) {
  uintptr_t device = virtio_find(VIRTIO_ID_SCSI);
  if (!device) {
    print("[disk] no virtio-scsi controller found\n");
    return false;
  }
  for (uint32_t slot = 0; slot < DISK_SLOTS; slot++) slots[slot].free = true;
  virtqueue_set_up(&queue, device, REQUEST_QUEUE);
  virtio_ready(device);
  plic_attach(virtio_interrupt(device), on_interrupt, NULL);
  interrupts_enable();

  static uint8_t inquiry[36], size[32];
  const uint8_t test_unit_ready[6] = {SCSI_TEST_UNIT_READY};
  const uint8_t inquire[6] = {SCSI_INQUIRY, 0, 0, 0, sizeof inquiry};
  const uint8_t read_capacity[16] = {SCSI_SERVICE_ACTION_IN_16, SCSI_READ_CAPACITY_16, [13] = sizeof size};
  if (!ask(test_unit_ready, sizeof test_unit_ready, NULL, 0) ||
      !ask(inquire, sizeof inquire, inquiry, sizeof inquiry) ||
      !ask(read_capacity, sizeof read_capacity, size, sizeof size)) {
    print("[disk] target 0 LUN 0 does not answer\n");
    return false;
  }
  if (scsi_get32(size + 8) != SECTOR_BYTES) {
    print("[disk] blocks of %u bytes, only %u can be used\n", (uint64_t)scsi_get32(size + 8),
          (uint64_t)SECTOR_BYTES);
    return false;
  }
  capacity = ((uint64_t)scsi_get32(size) << 32 | scsi_get32(size + 4)) + 1;
  char vendor[9], product[17];
  copy_trimmed(vendor, inquiry + 8, 8);
  copy_trimmed(product, inquiry + 16, 16);
  print("[disk] %s %s, %u sectors\n", vendor, product, capacity);
  return true;
}
