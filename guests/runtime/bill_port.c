#include "bill_port.h"

#include "memory.h"
#include "plic.h"
#include "trap.h"
#include "virtio.h"
#include "wait.h"

enum { TRANSMIT_QUEUE = 1 };

static struct virtqueue queue;
static uint8_t buffers[BILL_PORT_SLOTS][BILL_PORT_RECORD_BYTES];
static uint32_t unreturned;
static volatile bool all_returned;

static void on_interrupt(void *context) {
  (void)context;
  virtio_acknowledge(queue.device);
  while (virtqueue_take_used(&queue) >= 0) unreturned--;
  if (unreturned == 0) all_returned = true;
}

bool bill_port_open(void) {
  uintptr_t device = virtio_find(VIRTIO_ID_CONSOLE, 0);
  if (!device) return false;
  virtqueue_set_up(&queue, device, TRANSMIT_QUEUE);
  virtio_ready(device);
  plic_attach(virtio_interrupt(device), on_interrupt, NULL);
  interrupts_enable();
  return true;
}

void bill_port_pay(const void *records, uint32_t count) {
  if (count == 0) return;
  memcpy(buffers, records, count * (size_t)BILL_PORT_RECORD_BYTES);
  bool enabled = interrupts_disable();
  all_returned = false;
  unreturned = count;
  for (uint32_t i = 0; i < count; i++) {
    queue.descriptors[i].address = (uintptr_t)buffers[i];
    queue.descriptors[i].length = BILL_PORT_RECORD_BYTES;
    queue.descriptors[i].flags = 0;
    virtqueue_offer(&queue, (uint16_t)i);
  }
  virtqueue_notify(&queue);
  interrupts_restore(enabled);
  wait_until(&all_returned);
}
