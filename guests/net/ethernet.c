#include "ethernet.h"

#include "board.h"
#include "memory.h"
#include "plic.h"
#include "trap.h"
#include "virtio.h"

enum { VIRTIO_ID_NETWORK = 1, RECEIVE_QUEUE = 0, TRANSMIT_QUEUE = 1 };
enum { CONFIGURATION = 0x100, HEADER_BYTES = 12, BUFFER_BYTES = HEADER_BYTES + ETHERNET_FRAME_BYTES };
enum { NO_INTERRUPT = 1 };
enum { RECEIVE_BUFFERS = 32, TRANSMIT_BUFFERS = 16 };

static struct virtqueue receiving, transmitting;
static uint8_t received[RECEIVE_BUFFERS][BUFFER_BYTES];
static uint8_t transmitted[TRANSMIT_BUFFERS][BUFFER_BYTES];
static uint8_t address[ETHERNET_ADDRESS_BYTES];
static frame_handler handle;
static uint32_t under_way;
static uint16_t next_buffer;

static void offer_receive_buffer(uint16_t index) {
  receiving.descriptors[index].address = (uintptr_t)received[index];
  receiving.descriptors[index].length = BUFFER_BYTES;
  receiving.descriptors[index].flags = DESCRIPTOR_DEVICE_WRITES;
  virtqueue_offer(&receiving, index);
}

static void on_interrupt(void *context) {
  (void)context;
  virtio_acknowledge(receiving.device);
  for (;;) {
    uint16_t seen = receiving.used_seen;
    int index = virtqueue_take_used(&receiving);
    if (index < 0) break;
    uint32_t length = receiving.used.ring[seen % VIRTQUEUE_SIZE].length;
    if (length > HEADER_BYTES) handle(received[index] + HEADER_BYTES, length - HEADER_BYTES);
    offer_receive_buffer((uint16_t)index);
    virtqueue_notify(&receiving);
  }
}

bool ethernet_open(frame_handler handler) {
  uintptr_t device = virtio_find(VIRTIO_ID_NETWORK, 0);
  if (!device) return false;
  handle = handler;
  for (int i = 0; i < ETHERNET_ADDRESS_BYTES; i++) {
    address[i] = mmio_read8(device + CONFIGURATION + (uintptr_t)i);
  }
  virtqueue_set_up(&receiving, device, RECEIVE_QUEUE);
  virtqueue_set_up(&transmitting, device, TRANSMIT_QUEUE);
  for (uint16_t i = 0; i < RECEIVE_BUFFERS; i++) offer_receive_buffer(i);
  transmitting.available.flags = NO_INTERRUPT;
  virtio_ready(device);
  virtqueue_notify(&receiving);
  plic_attach(virtio_interrupt(device), on_interrupt, NULL);
  interrupts_enable();
  return true;
}

const uint8_t *ethernet_address(void) {
  return address;
}

void ethernet_send(const void *frame, size_t size) {
  while (virtqueue_take_used(&transmitting) >= 0) under_way--;
  if (under_way == TRANSMIT_BUFFERS || size > ETHERNET_FRAME_BYTES) return;
  /* A device returns the buffers of one queue in their order here, so the next one is free. */
  uint16_t index = next_buffer++ % TRANSMIT_BUFFERS;
  memset(transmitted[index], 0, HEADER_BYTES);
  memcpy(transmitted[index] + HEADER_BYTES, frame, size);
  transmitting.descriptors[index].address = (uintptr_t)transmitted[index];
  transmitting.descriptors[index].length = (uint32_t)(HEADER_BYTES + size);
  transmitting.descriptors[index].flags = 0;
  under_way++;
  virtqueue_offer(&transmitting, index);
  virtqueue_notify(&transmitting);
}
