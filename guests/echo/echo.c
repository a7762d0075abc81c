/* Echoes console input, received by interrupts, until Ctrl-D (end of transmission); then reports and ends. */
#include "board.h"
#include "plic.h"
#include "print.h"
#include "trap.h"
#include "uart.h"
#include "wait.h"

enum { END_OF_TRANSMISSION = 4 };

static uint64_t bytes;
static uint64_t checksum;
static volatile bool ended;

static void on_input(void *context) {
  (void)context;
  for (int byte; (byte = uart_read()) >= 0;) {
    if (byte == END_OF_TRANSMISSION) ended = true;
    /* What is typed behind it is dropped: left unread, it would interrupt for ever. */
    if (ended) continue;
    bytes++;
    checksum = checksum * 31 + (uint64_t)byte;
    uart_write((uint8_t)byte);
  }
}

int main(void) {
  print("echo: ready, Ctrl-D ends\n");
  plic_attach(IRQ_UART, on_input, NULL);
  uart_enable_receive_interrupt();
  interrupts_enable();
  wait_until(&ended);
  interrupts_disable();
  print("\necho: %u bytes, checksum %x\n", bytes, checksum);
  return 0;
}
