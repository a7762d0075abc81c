#include "entropy.h"

#include "plic.h"
#include "trap.h"
#include "virtio.h"
#include "wait.h"

enum { REQUEST_QUEUE = 0 };

static struct virtqueue queue;
static uint32_t received;
static volatile bool done;

static void on_interrupt(void *context) {
  (void)context;
  virtio_acknowledge(queue.device);
  for (int head; (head = virtqueue_take_used(&queue)) >= 0;) {
    received = queue.used.ring[(uint16_t)(queue.used_seen - 1) % VIRTQUEUE_SIZE].length;
    done = true;
  }
}

bool entropy_open(void) {
  uintptr_t device = virtio_find(VIRTIO_ID_ENTROPY, 0);
  if (!device) return false;
  virtqueue_set_up(&queue, device, REQUEST_QUEUE);
  virtio_ready(device);
  plic_attach(virtio_interrupt(device), on_interrupt, NULL);
  interrupts_enable();
  return true;
}

void entropy_read(void *target, size_t bytes) {
  uint8_t *next = target;
  while (bytes) {
    done = false;
    queue.descriptors[0] = (struct virtqueue_descriptor){
        .address = (uintptr_t)next,
        .length = (uint32_t)bytes,
        .flags = DESCRIPTOR_DEVICE_WRITES,
    };
    bool enabled = interrupts_disable();
    virtqueue_offer(&queue, 0);
    virtqueue_notify(&queue);
    interrupts_restore(enabled);
    wait_until(&done);
    next += received;
    bytes -= received;
  }
}
