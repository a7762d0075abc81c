/* The ns16550a console UART: transmits by polling, receives by polling or by interrupt. */
#pragma once

#include "types.h"

void uart_write(uint8_t byte);

/* A received byte, or -1 when none waits. */
int uart_read(void);

/* From now on a waiting byte raises IRQ_UART. */
void uart_enable_receive_interrupt(void);
