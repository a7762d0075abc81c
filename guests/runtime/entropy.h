/* Random bytes from the virtio entropy device (virtio 1.2, section 5.4). */
#pragma once

#include "types.h"

/* False when the board has no such device. */
bool entropy_open(void);

/* Fills `bytes` bytes with random ones; waits for them. */
void entropy_read(void *target, size_t bytes);
