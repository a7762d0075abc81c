#include "virtio.h"

#include "board.h"

/* Virtio 1.1, table 4.1. */
enum {
  REGISTER_MAGIC = 0x000,
  REGISTER_VERSION = 0x004,
  REGISTER_DEVICE_ID = 0x008,
  REGISTER_DEVICE_FEATURES = 0x010,
  REGISTER_DEVICE_FEATURES_SELECT = 0x014,
  REGISTER_DRIVER_FEATURES = 0x020,
  REGISTER_DRIVER_FEATURES_SELECT = 0x024,
  REGISTER_QUEUE_SELECT = 0x030,
  REGISTER_QUEUE_SIZE = 0x038,
  REGISTER_QUEUE_READY = 0x044,
  REGISTER_QUEUE_NOTIFY = 0x050,
  REGISTER_INTERRUPT_STATUS = 0x060,
  REGISTER_INTERRUPT_ACKNOWLEDGE = 0x064,
  REGISTER_STATUS = 0x070,
  REGISTER_QUEUE_DESCRIPTORS = 0x080,
  REGISTER_QUEUE_AVAILABLE = 0x090,
  REGISTER_QUEUE_USED = 0x0a0,
  REGISTER_CONFIGURATION = 0x100,
};

enum { MAGIC = 0x74726976, VERSION = 2 };
enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8 };
enum { FEATURE_VERSION_1_HIGH = 1 };

static inline void fence(void) {
  __asm__ volatile("fence iorw, iorw" ::: "memory");
}

static void add_status(uintptr_t device, uint32_t bits) {
  mmio_write32(device + REGISTER_STATUS, mmio_read32(device + REGISTER_STATUS) | bits);
}

uintptr_t virtio_find(uint32_t device_id, uint32_t features) {
  for (uint32_t slot = 0; slot < BOARD_VIRTIO_SLOTS; slot++) {
    uintptr_t device = BOARD_VIRTIO + slot * (uintptr_t)BOARD_VIRTIO_STRIDE;
    if (mmio_read32(device + REGISTER_MAGIC) != MAGIC) continue;
    if (mmio_read32(device + REGISTER_VERSION) != VERSION) continue;
    if (mmio_read32(device + REGISTER_DEVICE_ID) != device_id) continue;
    mmio_write32(device + REGISTER_STATUS, 0);
    /* A reset takes effect when the device says so (section 4.2.2.2), operations may be settling. */
    while (mmio_read32(device + REGISTER_STATUS) != 0) {
    }
    add_status(device, STATUS_ACKNOWLEDGE);
    add_status(device, STATUS_DRIVER);
    mmio_write32(device + REGISTER_DRIVER_FEATURES_SELECT, 0);
    mmio_write32(device + REGISTER_DEVICE_FEATURES_SELECT, 0);
    mmio_write32(device + REGISTER_DRIVER_FEATURES,
                 features & mmio_read32(device + REGISTER_DEVICE_FEATURES));
    mmio_write32(device + REGISTER_DRIVER_FEATURES_SELECT, 1);
    mmio_write32(device + REGISTER_DRIVER_FEATURES, FEATURE_VERSION_1_HIGH);
    add_status(device, STATUS_FEATURES_OK);
    return mmio_read32(device + REGISTER_STATUS) & STATUS_FEATURES_OK ? device : 0;
  }
  return 0;
}

uint32_t virtio_configuration(uintptr_t device, uint32_t offset) {
  return mmio_read32(device + REGISTER_CONFIGURATION + offset);
}

uint32_t virtio_interrupt(uintptr_t device) {
  return IRQ_VIRTIO_FIRST + (uint32_t)((device - BOARD_VIRTIO) / BOARD_VIRTIO_STRIDE);
}

static void set_address(uintptr_t device, uint32_t reg, const volatile void *address) {
  mmio_write32(device + reg, (uint32_t)(uintptr_t)address);
  mmio_write32(device + reg + 4, (uint32_t)((uintptr_t)address >> 32));
}

void virtqueue_set_up(struct virtqueue *queue, uintptr_t device, uint32_t number) {
  queue->number = number;
  queue->device = device;
  mmio_write32(device + REGISTER_QUEUE_SELECT, number);
  mmio_write32(device + REGISTER_QUEUE_SIZE, VIRTQUEUE_SIZE);
  set_address(device, REGISTER_QUEUE_DESCRIPTORS, queue->descriptors);
  set_address(device, REGISTER_QUEUE_AVAILABLE, &queue->available);
  set_address(device, REGISTER_QUEUE_USED, &queue->used);
  mmio_write32(device + REGISTER_QUEUE_READY, 1);
}

void virtio_ready(uintptr_t device) {
  add_status(device, STATUS_DRIVER_OK);
}

void virtqueue_offer(struct virtqueue *queue, uint16_t head) {
  queue->available.ring[queue->available.index % VIRTQUEUE_SIZE] = head;
  fence();
  queue->available.index++;
}

void virtqueue_notify(struct virtqueue *queue) {
  fence();
  mmio_write32(queue->device + REGISTER_QUEUE_NOTIFY, queue->number);
}

int virtqueue_take_used(struct virtqueue *queue) {
  if (queue->used_seen == queue->used.index) return -1;
  fence();
  return (int)queue->used.ring[queue->used_seen++ % VIRTQUEUE_SIZE].id;
}

void virtio_acknowledge(uintptr_t device) {
  mmio_write32(device + REGISTER_INTERRUPT_ACKNOWLEDGE,
               mmio_read32(device + REGISTER_INTERRUPT_STATUS));
}
