#include "tables.h"

#include "csr.h"
#include "random.h"

#define DATA_REGION 0x80200000ull /* beyond the image; two regions of 2 MiB */
#define MEGAPAGE_BYTES 0x200000ull
#define SATP_SV39 (8ull << 60)
#define PTE_PAGE_SHIFT 10
#define PTE_RESERVED (~0ull << 54)

uint64_t random_state;
uint64_t tables[TABLE_PAGES][TABLE_ENTRIES] __attribute__((aligned(PAGE_BYTES)));

static uint64_t root_in_force;

uint64_t tables_entry_for(const void *page, uint64_t flags) {
  return ((uint64_t)page >> 12) << PTE_PAGE_SHIFT | flags;
}

uint8_t *tables_data_page(uint64_t number) {
  uint64_t region = DATA_REGION + number / WINDOW_PAGES * MEGAPAGE_BYTES;
  return (uint8_t *)(region + number % WINDOW_PAGES * PAGE_BYTES);
}

uint64_t tables_code(uint64_t k) {
  const uint64_t jump_4 = 0xa011, move_a0_a1 = 0x852e, add_immediate = 0x00050513;
  return jump_4 | move_a0_a1 << 16 | (add_immediate | (k & 0x7ff) << 20) << 32;
}

uint64_t tables_tail(uint64_t random, uint64_t nibble) {
  const uint64_t half_of_lui_a1 = 0x05b7;
  return random >> 16 | (half_of_lui_a1 | (nibble & 0xf) << 12) << 48;
}

static void fill_data_page(uint64_t number) {
  uint64_t *words = (uint64_t *)tables_data_page(number);
  for (uint64_t i = 0; i < TABLE_ENTRIES; i++) words[i] = number << 32 | i;
  const uint64_t environment_call = 0x00000073;
  words[0] = tables_code(number);
  words[1] = environment_call;
  words[TABLE_ENTRIES - 1] = tables_tail(number, number);
}

void tables_use_root(uint64_t root) {
  root_in_force = root;
  csr_write(satp, SATP_SV39 | (uint64_t)tables[ROOTS + root] >> 12);
}

uint64_t tables_root(void) {
  return root_in_force;
}

void tables_set_up(void) {
  for (uint64_t number = 0; number < DATA_PAGES; number++) fill_data_page(number);
  for (int which = 0; which < 2; which++) {
    tables[ROOTS + which][1] = tables_entry_for(tables[MIDDLES + which], PTE_VALID);
    tables[ROOTS + which][2] = tables_entry_for(tables[FIXED_MIDDLE], PTE_VALID);
    tables[MIDDLES + which][0] = tables_entry_for(tables[LASTS + which], PTE_VALID);
    for (uint64_t page = 0; page < WINDOW_PAGES; page++) {
      uint64_t flags = PTE_VALID | PTE_LEAF | (page % 2 ? PTE_USER : 0);
      tables[LASTS + which][page] = tables_entry_for(tables_data_page(page * 2 + (uint64_t)which), flags);
    }
  }
  tables[FIXED_MIDDLE][0] = tables_entry_for(tables[FIXED_LAST], PTE_VALID);
  tables[FIXED_LAST][0] = tables_entry_for(routines_page, PTE_VALID | PTE_LEAF);
  tables[FIXED_LAST][1] = tables_entry_for(routines_page, PTE_VALID | PTE_LEAF | PTE_USER);
  for (int page = 0; page < TABLE_PAGES; page++) {
    tables[FIXED_LAST][16 + page] = tables_entry_for(tables[page], PTE_VALID | PTE_READ | PTE_WRITE);
  }
  tables_use_root(0);
  access_fence();
}

static bool permits(uint64_t entry, enum access_kind kind, enum privilege privilege, uint64_t status) {
  if (entry & PTE_USER) {
    bool lent = kind != ACCESS_FETCH && (status & MSTATUS_SUM);
    if (privilege != PRIVILEGE_USER && !lent) return false;
  } else if (privilege == PRIVILEGE_USER) {
    return false;
  }
  switch (kind) {
    case ACCESS_FETCH:
      return entry & PTE_EXECUTE;
    case ACCESS_STORE:
      return entry & PTE_WRITE;
    default:
      return (entry & PTE_READ) || ((status & MSTATUS_MXR) && (entry & PTE_EXECUTE));
  }
}

struct walk tables_walk(uint64_t address, enum access_kind kind, enum privilege privilege, uint64_t status) {
  const struct walk fault = {.faults = true};
  if ((uint64_t)((int64_t)(address << 25) >> 25) != address) return fault;
  uint64_t *table = tables[ROOTS + root_in_force];
  for (int level = 2; level >= 0; level--) {
    uint64_t *entry = &table[address >> (12 + 9 * level) & (TABLE_ENTRIES - 1)];
    if (!(*entry & PTE_VALID) || (*entry & PTE_RESERVED)) return fault;
    if ((*entry & (PTE_READ | PTE_WRITE)) == PTE_WRITE) return fault;
    uint64_t page = *entry >> PTE_PAGE_SHIFT;
    if (!(*entry & PTE_LEAF)) {
      if (*entry & (PTE_ACCESSED | PTE_DIRTY | PTE_USER)) return fault;
      table = (uint64_t *)(page << 12);
      continue;
    }
    uint64_t pages = 1ull << 9 * level;
    if (page % pages || !permits(*entry, kind, privilege, status)) return fault;
    uint64_t physical = (page << 12) + (address & (pages * PAGE_BYTES - 1));
    return (struct walk){.physical = physical, .leaf = entry};
  }
  return fault;
}

static uint64_t digest_page(uint64_t checksum, const void *page) {
  const uint64_t *words = page;
  for (int i = 0; i < TABLE_ENTRIES; i++) checksum = (checksum ^ words[i]) * 0x9e3779b97f4a7c15ull + (checksum >> 29);
  return checksum;
}

uint64_t tables_digest(uint64_t checksum) {
  for (int page = 0; page < TABLE_PAGES; page++) checksum = digest_page(checksum, tables[page]);
  for (uint64_t page = 0; page < DATA_PAGES; page++) checksum = digest_page(checksum, tables_data_page(page));
  return checksum;
}
