/*
 * The page tables and the pages that they map, and a software walk of them (privileged specification,
 * section 4.3.2).
 *
 *   virtual address        what
 *   VA_WINDOW_A            WINDOW_PAGES pages of 4 KiB
 *   VA_WINDOW_B            a 2 MiB page, or a table of 4 KiB pages
 *   VA_ROUTINES_…          the page of routines for S, and for U
 *   VA_TABLES              the table pages themselves, for S
 *
 * There are two roots, two middle and two last-level tables, any of which may hang under any; data pages
 * are the first 32 of two 2 MiB regions. Every data page begins with code and ends with half an instruction:
 *
 *   0     c.j 4              direct entry, with a0 = 0
 *   2     c.mv a0, a1        entry from the page before, see the end
 *   4     addi a0, a0, K
 *   8     ecall
 *   4094  first half of lui a1, N; the second half is the first of whatever page is mapped behind
 */
#pragma once

#include "access.h"
#include "types.h"

#define VA_WINDOW_A 0x40000000ull
#define VA_WINDOW_B 0x40200000ull
#define VA_ROUTINES_SUPERVISOR 0x80000000ull
#define VA_ROUTINES_USER 0x80001000ull
#define VA_TABLES 0x80010000ull

enum {
  WINDOW_PAGES = 32,
  DATA_PAGES = 64,
  TABLE_ENTRIES = 512,
  PTE_VALID = 1,
  PTE_READ = 2,
  PTE_WRITE = 4,
  PTE_EXECUTE = 8,
  PTE_USER = 16,
  PTE_ACCESSED = 64,
  PTE_DIRTY = 128,
  PTE_LEAF = PTE_READ | PTE_WRITE | PTE_EXECUTE,
};

enum { ROOTS = 0, MIDDLES = 2, LASTS = 4, FIXED_MIDDLE = 6, FIXED_LAST = 7, TABLE_PAGES = 8 };

extern uint64_t tables[TABLE_PAGES][TABLE_ENTRIES];

enum access_kind { ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH };

/* Where a walk ends: a page fault, or a physical address with its leaf entry. */
struct walk {
  bool faults;
  uint64_t physical;
  uint64_t *leaf;
};

void tables_set_up(void);

/* By the tables under the root in force, for `privilege` and the SUM and MXR bits of `status`. */
struct walk tables_walk(uint64_t address, enum access_kind kind, enum privilege privilege, uint64_t status);

/* Which of the two roots is in force. */
void tables_use_root(uint64_t root);
uint64_t tables_root(void);

uint64_t tables_entry_for(const void *page, uint64_t flags);
uint8_t *tables_data_page(uint64_t number);

/* The value of the first 8 bytes of a data page, with K; of its last 8, with a nibble of N. */
uint64_t tables_code(uint64_t k);
uint64_t tables_tail(uint64_t random, uint64_t nibble);

/* Continues a checksum over all tables and data pages. */
uint64_t tables_digest(uint64_t checksum);
