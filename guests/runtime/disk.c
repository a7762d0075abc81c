#include "disk.h"

#include "disk_bus.h"
#include "memory.h"
#include "plic.h"
#include "print.h"
#include "trap.h"
#include "virtio.h"
#include "wait.h"

enum {
  DESCRIPTORS_PER_SLOT = VIRTQUEUE_SIZE / DISK_SLOTS,
  PAGE_BYTES = 4096,
  MAXIMUM_ATTEMPTS = 20,
};

struct disk {
  const struct disk_bus *bus;
  struct virtqueue queue;
  uint64_t sectors;
  /* One request in flight each, with its descriptors at 8 * slot. */
  struct {
    union disk_message message;
    volatile bool *done;
    bool free;
  } slots[DISK_SLOTS];
  /* Whoever waits for a slot takes any: the one it waits for might be its own. */
  volatile bool slot_returned;
};

static struct disk scsi_disk, blk_disk;
static struct disk *opened;

static const char *const command_names[] = {"read", "write", "flush"};

static void on_interrupt(void *context) {
  struct disk *disk = context;
  virtio_acknowledge(disk->queue.device);
  for (int head; (head = virtqueue_take_used(&disk->queue)) >= 0;) {
    *disk->slots[head / DESCRIPTORS_PER_SLOT].done = true;
  }
}

static uint32_t take_slot(struct disk *disk) {
  for (;;) {
    for (uint32_t slot = 0; slot < DISK_SLOTS; slot++) {
      if (!disk->slots[slot].free) continue;
      disk->slots[slot].free = false;
      return slot;
    }
    disk->slot_returned = false;
    wait_until(&disk->slot_returned);
  }
}

static void return_slot(struct disk *disk, uint32_t slot) {
  disk->slots[slot].free = true;
  disk->slot_returned = true;
}

/* Appends a buffer to the chain of `slot`, cut at page boundaries as kernels with paging do. */
static uint32_t chain(struct disk *disk, uint32_t slot, uint32_t used, const void *buffer, size_t bytes,
                      uint16_t flags) {
  uintptr_t address = (uintptr_t)buffer;
  while (bytes) {
    size_t length = PAGE_BYTES - address % PAGE_BYTES;
    if (length > bytes) length = bytes;
    uint32_t index = slot * DESCRIPTORS_PER_SLOT + used++;
    struct virtqueue_descriptor *descriptor = &disk->queue.descriptors[index];
    descriptor->address = address;
    descriptor->length = (uint32_t)length;
    descriptor->flags = flags | DESCRIPTOR_NEXT;
    descriptor->next = (uint16_t)(index + 1);
    address += length;
    bytes -= length;
  }
  return used;
}

/* Sends the message that stands in the slot, with data to or from the device. */
static void send(struct disk *disk, uint32_t slot, void *data, size_t bytes, bool device_writes,
                 volatile bool *done) {
  const struct disk_bus *bus = disk->bus;
  uint8_t *message = (uint8_t *)&disk->slots[slot].message;
  uint8_t *answer = message + bus->answer_offset;
  disk->slots[slot].done = done;
  *done = false;
  uint32_t used = chain(disk, slot, 0, message + bus->header_offset, bus->header_bytes, 0);
  if (!device_writes) used = chain(disk, slot, used, data, bytes, 0);
  if (bus->answer_first) used = chain(disk, slot, used, answer, bus->answer_bytes, DESCRIPTOR_DEVICE_WRITES);
  if (device_writes) used = chain(disk, slot, used, data, bytes, DESCRIPTOR_DEVICE_WRITES);
  if (!bus->answer_first) used = chain(disk, slot, used, answer, bus->answer_bytes, DESCRIPTOR_DEVICE_WRITES);
  disk->queue.descriptors[slot * DESCRIPTORS_PER_SLOT + used - 1].flags &= (uint16_t)~DESCRIPTOR_NEXT;
  bool enabled = interrupts_disable();
  virtqueue_offer(&disk->queue, (uint16_t)(slot * DESCRIPTORS_PER_SLOT));
  virtqueue_notify(&disk->queue);
  interrupts_restore(enabled);
}

static void send_request(struct disk_request *request) {
  struct disk *disk = request->disk;
  union disk_message *message = &disk->slots[request->slot].message;
  memset(message, 0, sizeof *message);
  disk->bus->fill(message, request);
  send(disk, request->slot, request->data, request->sectors * (size_t)SECTOR_BYTES,
       request->command == DISK_READ, &request->done);
}

void disk_submit(struct disk_request *request) {
  if (!request->disk) request->disk = opened;
  if (request->command == DISK_FLUSH) request->sectors = 0;
  request->slot = take_slot(request->disk);
  request->attempts = 0;
  send_request(request);
}

static void report_failure(const struct disk_request *request, const struct disk_outcome *outcome) {
  print("[disk] %s: %s sector %u failed for good", outcome->reason, command_names[request->command],
        request->sector);
  if (outcome->key) print(" (sense %x/%02x/%02x)", outcome->key, outcome->code, outcome->qualifier);
  print("\n");
}

bool disk_finish(struct disk_request *request) {
  struct disk *disk = request->disk;
  for (;;) {
    wait_until(&request->done);
    struct disk_outcome outcome = disk->bus->outcome(&disk->slots[request->slot].message);
    if (outcome.kind == DISK_GOOD) break;
    if (outcome.kind == DISK_FAILED || ++request->attempts == MAXIMUM_ATTEMPTS) {
      report_failure(request, &outcome);
      return_slot(disk, request->slot);
      return false;
    }
    print("[disk] %s: retrying %s sector %u\n", outcome.reason, command_names[request->command],
          request->sector);
    send_request(request);
  }
  return_slot(disk, request->slot);
  return true;
}

bool disk_perform(struct disk_request *request) {
  disk_submit(request);
  return disk_finish(request);
}

uint64_t disk_sectors(void) {
  return opened->sectors;
}

uintptr_t disk_device(const struct disk *disk) {
  return disk->queue.device;
}

bool disk_ask(struct disk *disk, void (*fill)(union disk_message *message, const void *argument),
              const void *argument, void *answer, size_t answer_bytes) {
  uint32_t slot = take_slot(disk);
  union disk_message *message = &disk->slots[slot].message;
  bool good = false;
  for (int attempt = 0; attempt < MAXIMUM_ATTEMPTS && !good; attempt++) {
    volatile bool done;
    memset(message, 0, sizeof *message);
    fill(message, argument);
    send(disk, slot, answer, answer_bytes, true, &done);
    wait_until(&done);
    struct disk_outcome outcome = disk->bus->outcome(message);
    good = outcome.kind == DISK_GOOD;
    if (outcome.kind == DISK_FAILED) break;
  }
  return_slot(disk, slot);
  return good;
}

static struct disk *open(struct disk *disk, const struct disk_bus *bus) {
  uintptr_t device = virtio_find(bus->device_id, bus->features);
  if (!device) return NULL;
  disk->bus = bus;
  for (uint32_t slot = 0; slot < DISK_SLOTS; slot++) disk->slots[slot].free = true;
  virtqueue_set_up(&disk->queue, device, bus->queue);
  virtio_ready(device);
  plic_attach(virtio_interrupt(device), on_interrupt, disk);
  interrupts_enable();
  disk->sectors = bus->identify(disk);
  return disk->sectors ? disk : NULL;
}

struct disk *disk_open_scsi(void) {
  return open(&scsi_disk, &disk_bus_scsi);
}

struct disk *disk_open_blk(void) {
  return open(&blk_disk, &disk_bus_blk);
}

bool disk_open(void) {
  opened = disk_open_scsi();
  if (!opened) opened = disk_open_blk();
  if (!opened) print("[disk] neither virtio-scsi nor virtio-blk has a disk\n");
  return opened != NULL;
}
