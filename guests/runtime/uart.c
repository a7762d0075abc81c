#include "uart.h"

#include "board.h"

enum {
  UART_DATA = 0,
  UART_INTERRUPT_ENABLE = 1,
  UART_LINE_STATUS = 5,
  LINE_STATUS_DATA_READY = 0x01,
  LINE_STATUS_TRANSMIT_EMPTY = 0x20,
};

void uart_write(uint8_t byte) {
  while (!(mmio_read8(BOARD_UART + UART_LINE_STATUS) & LINE_STATUS_TRANSMIT_EMPTY)) {
  }
  mmio_write8(BOARD_UART + UART_DATA, byte);
}

int uart_read(void) {
  if (!(mmio_read8(BOARD_UART + UART_LINE_STATUS) & LINE_STATUS_DATA_READY)) return -1;
  return mmio_read8(BOARD_UART + UART_DATA);
}

void uart_enable_receive_interrupt(void) {
  /* FIFOs stay off: enabling them would throw away what has been typed so far. */
  mmio_write8(BOARD_UART + UART_INTERRUPT_ENABLE, 1);
}
