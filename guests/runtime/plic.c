#include "plic.h"

#include "board.h"
#include "csr.h"

enum {
  PLIC_PRIORITY = 0x0,
  PLIC_ENABLE = 0x2000,
  PLIC_THRESHOLD = 0x200000,
  PLIC_CLAIM = 0x200004,
  PLIC_SOURCES = 32,
};

static struct {
  interrupt_handler handler;
  void *context;
} attached[PLIC_SOURCES];

void plic_attach(uint32_t source, interrupt_handler handler, void *context) {
  attached[source].handler = handler;
  attached[source].context = context;
  mmio_write32(BOARD_PLIC + PLIC_PRIORITY + 4 * source, 1);
  uint32_t enabled = mmio_read32(BOARD_PLIC + PLIC_ENABLE);
  mmio_write32(BOARD_PLIC + PLIC_ENABLE, enabled | (1u << source));
  mmio_write32(BOARD_PLIC + PLIC_THRESHOLD, 0);
  csr_set(mie, 1ull << INTERRUPT_MACHINE_EXTERNAL);
}

void plic_dispatch(void) {
  uint32_t source;
  while ((source = mmio_read32(BOARD_PLIC + PLIC_CLAIM)) != 0) {
    if (source < PLIC_SOURCES && attached[source].handler) {
      attached[source].handler(attached[source].context);
    }
    mmio_write32(BOARD_PLIC + PLIC_CLAIM, source);
  }
}
