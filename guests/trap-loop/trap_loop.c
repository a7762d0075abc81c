/* Traps for ever: its trap handler begins with an illegal instruction, so no instruction ever retires. */
#include "csr.h"
#include "print.h"

__attribute__((naked, aligned(4))) static void illegal_handler(void) {
  __asm__ volatile(".4byte 0");
}

int main(void) {
  print("trap-loop: trapping for ever\n");
  csr_write(mtvec, illegal_handler);
  __asm__ volatile(".4byte 0");
  return 1;
}
