#include "access.h"

#include "csr.h"
#include "memory.h"

enum {
  PLACEHOLDER_TABLES = 0x0000000b,
  PLACEHOLDER_CODE = 0x0000100b,
  INSTRUCTION_NOP = 0x00000013,
  INSTRUCTION_SFENCE_VMA = 0x12000073,
  INSTRUCTION_FENCE_I = 0x0000100f,
};

uint8_t routines_page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
uint64_t access_interrupts;

static bool with_fences;

/* Without this S and U may access nothing where there is physical memory protection. Where there is none
 * the writes trap, and the trap vector goes on behind them. */
static void open_memory(void) {
  uint64_t vector = csr_read(mtvec);
  __asm__ volatile(
      "la t0, 1f\n"
      "csrw mtvec, t0\n"
      "li t0, -1\n"
      "csrw pmpaddr0, t0\n"
      "li t0, 0x1f\n"
      "csrw pmpcfg0, t0\n"
      ".balign 4\n"
      "1:\n" ::
          : "t0", "memory");
  csr_write(mtvec, vector);
  csr_write(mstatus, 0);
}

void access_set_up(bool fences) {
  with_fences = fences;
  open_memory();
  memcpy(routines_page, routines_start, (size_t)(routines_end - routines_start));
  uint32_t *words = (uint32_t *)routines_page;
  for (size_t i = 0; i < PAGE_BYTES / sizeof *words; i++) {
    if (words[i] == PLACEHOLDER_TABLES) words[i] = fences ? INSTRUCTION_SFENCE_VMA : INSTRUCTION_NOP;
    if (words[i] == PLACEHOLDER_CODE) words[i] = fences ? INSTRUCTION_FENCE_I : INSTRUCTION_NOP;
  }
  access_fence();
}

void access_fence(void) {
  if (with_fences) __asm__ volatile("sfence.vma\n fence.i" ::: "memory");
}
