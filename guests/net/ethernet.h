/* The network device: virtio-net without offloads (virtio 1.1, section 5.1). */
#pragma once

#include "types.h"

enum { ETHERNET_ADDRESS_BYTES = 6, ETHERNET_FRAME_BYTES = 1518 };

/* Called in the interrupt handler, with interrupts off, for each frame that comes. */
typedef void (*frame_handler)(const uint8_t *frame, size_t size);

/* False when there is no network device. */
bool ethernet_open(frame_handler handler);

/* The device's own address. */
const uint8_t *ethernet_address(void);

/* Sends a frame of at most ETHERNET_FRAME_BYTES, or drops it when the device is behind; with interrupts off. */
void ethernet_send(const void *frame, size_t size);
