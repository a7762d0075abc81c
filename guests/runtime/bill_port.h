/*
 * The bill port: the transmit queue of a virtio-console (virtio 1.1, section 5.3). Each record is one
 * buffer; when the device returns it, the bill has been paid out.
 */
#pragma once

#include "types.h"

enum { BILL_PORT_SLOTS = 16, BILL_PORT_RECORD_BYTES = 40 };

/* False when the board has no such device. */
bool bill_port_open(void);

/* Sends `count` records of BILL_PORT_RECORD_BYTES (at most BILL_PORT_SLOTS) at once, and waits for all. */
void bill_port_pay(const void *records, uint32_t count);
