/* Addresses and interrupt numbers of QEMU's `virt` board (hw/riscv/virt.c), which is Lockstep's too. */
#pragma once

#include "types.h"

enum {
  BOARD_FINISHER = 0x100000,
  BOARD_RTC = 0x101000,
  BOARD_CLINT = 0x2000000,
  BOARD_PLIC = 0xc000000,
  BOARD_UART = 0x10000000,
  BOARD_VIRTIO = 0x10001000,
  BOARD_VIRTIO_STRIDE = 0x1000,
  BOARD_VIRTIO_SLOTS = 8,

  IRQ_VIRTIO_FIRST = 1,
  IRQ_UART = 10,
};

#define BOARD_TICKS_PER_SECOND 10000000ull

static inline uint32_t mmio_read32(uintptr_t address) {
  return *(volatile uint32_t *)address;
}

static inline void mmio_write32(uintptr_t address, uint32_t value) {
  *(volatile uint32_t *)address = value;
}

static inline uint8_t mmio_read8(uintptr_t address) {
  return *(volatile uint8_t *)address;
}

static inline void mmio_write8(uintptr_t address, uint8_t value) {
  *(volatile uint8_t *)address = value;
}

static inline uint64_t mmio_read64(uintptr_t address) {
  return *(volatile uint64_t *)address;
}

static inline void mmio_write64(uintptr_t address, uint64_t value) {
  *(volatile uint64_t *)address = value;
}
