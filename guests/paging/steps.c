#include "steps.h"

#include "access.h"
#include "csr.h"
#include "print.h"
#include "random.h"
#include "tables.h"

static const uint64_t fault_causes[] = {
    [ACCESS_LOAD] = CAUSE_LOAD_PAGE_FAULT,
    [ACCESS_STORE] = CAUSE_STORE_PAGE_FAULT,
    [ACCESS_FETCH] = CAUSE_FETCH_PAGE_FAULT,
};

static uint64_t random_status(enum privilege privilege) {
  uint64_t status = (uint64_t)privilege << MSTATUS_MPP_SHIFT;
  if (random_below(2)) status |= MSTATUS_SUM;
  if (random_below(2)) status |= MSTATUS_MXR;
  return status;
}

static uint64_t routine_address(const char *routine, enum privilege privilege) {
  uint64_t base = privilege == PRIVILEGE_USER ? VA_ROUTINES_USER : VA_ROUTINES_SUPERVISOR;
  return base + ROUTINE_OFFSET(routine);
}

static bool check(uint64_t *checksum, const char *what, uint64_t found, uint64_t expected) {
  *checksum = (*checksum ^ found) * 0x2545f4914f6cdd1dull + 1;
  if (found == expected) return true;
  print("paging: %s is %x, not %x\n", what, found, expected);
  return false;
}

static bool check_entry(uint64_t *checksum, const struct walk *walk, uint64_t before, enum access_kind kind) {
  if (walk->faults) return true;
  uint64_t marks = kind == ACCESS_STORE ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED;
  return check(checksum, "page-table entry", *walk->leaf, before | marks);
}

/* An 8-byte piece of a page: its code, its last half instruction, or data between. */
static uint64_t random_offset(void) {
  switch (random_below(4)) {
    case 0:
      return 0;
    case 1:
      return PAGE_BYTES - 8;
    default:
      return 64 + 8 * random_below(400);
  }
}

static uint64_t random_content(uint64_t offset) {
  if (offset == 0) return tables_code(random_word());
  if (offset == PAGE_BYTES - 8) return tables_tail(random_word(), random_word());
  return random_word();
}

static uint64_t random_page(void) {
  return (random_below(2) ? VA_WINDOW_A : VA_WINDOW_B) + random_below(WINDOW_PAGES) * PAGE_BYTES;
}

/* A load or store from S or U, or from M with MPRV. */
static bool step_data_access(uint64_t *checksum, enum access_kind kind) {
  enum privilege privilege = (enum privilege)random_below(2);
  bool by_machine = random_below(3) == 0;
  uint64_t offset = random_offset();
  uint64_t address = random_page() + offset;
  if (random_below(64) == 0) address |= 1ull << 40;
  uint64_t content = random_content(offset);
  uint64_t status = random_status(privilege);
  struct entry entry = {.status = status, .arguments = {address, content}};
  struct walk walk = tables_walk(address, kind, privilege, status);
  uint64_t leaf = walk.faults ? 0 : *walk.leaf;
  uint64_t old = walk.faults ? 0 : *(uint64_t *)walk.physical;
  uint64_t done = by_machine ? MACHINE_ACCESS_DONE : CAUSE_ECALL_USER + (uint64_t)privilege;
  if (by_machine) {
    entry.status |= MSTATUS_MPRV;
    if (kind == ACCESS_LOAD) machine_load(&entry);
    else machine_store(&entry);
  } else {
    entry.pc = routine_address(kind == ACCESS_LOAD ? routine_load : routine_store, privilege);
    enter(&entry);
  }
  access_fence(); /* a store may have changed code */
  if (!check(checksum, "cause of a data access", entry.cause, walk.faults ? fault_causes[kind] : done)) return false;
  if (walk.faults) return check(checksum, "fault address", entry.value, address);
  if (kind == ACCESS_LOAD && !check(checksum, "loaded value", entry.result, old)) return false;
  uint64_t now = *(uint64_t *)walk.physical;
  return check(checksum, "memory", now, kind == ACCESS_LOAD ? old : content) &&
         check_entry(checksum, &walk, leaf, kind);
}

static bool step_load(uint64_t *checksum) {
  return step_data_access(checksum, ACCESS_LOAD);
}

static bool step_store(uint64_t *checksum) {
  return step_data_access(checksum, ACCESS_STORE);
}

static uint64_t code_immediate(uint64_t physical_page) {
  return (uint64_t)((int64_t)(*(uint64_t *)physical_page) >> 52);
}

/* Code at the beginning of a page. */
static bool step_fetch(uint64_t *checksum) {
  enum privilege privilege = (enum privilege)random_below(2);
  uint64_t address = random_page();
  uint64_t status = random_status(privilege);
  struct walk walk = tables_walk(address, ACCESS_FETCH, privilege, status);
  uint64_t leaf = walk.faults ? 0 : *walk.leaf;
  struct entry entry = {
      .pc = routine_address(routine_fetch, privilege), .status = status, .arguments = {address}};
  enter(&entry);
  uint64_t done = CAUSE_ECALL_USER + (uint64_t)privilege;
  if (!check(checksum, "cause of a fetch", entry.cause, walk.faults ? CAUSE_FETCH_PAGE_FAULT : done)) return false;
  if (walk.faults) return check(checksum, "fetch fault address", entry.value, address);
  return check(checksum, "result of code", entry.result, code_immediate(walk.physical)) &&
         check_entry(checksum, &walk, leaf, ACCESS_FETCH);
}

/* Code that crosses from one page into the next in the middle of an instruction. */
static bool step_crossing_fetch(uint64_t *checksum) {
  enum privilege privilege = (enum privilege)random_below(2);
  uint64_t window = random_below(2) ? VA_WINDOW_A : VA_WINDOW_B;
  uint64_t second = window + (1 + random_below(WINDOW_PAGES - 1)) * PAGE_BYTES;
  uint64_t status = random_status(privilege);
  struct walk walks[2] = {
      tables_walk(second - 2, ACCESS_FETCH, privilege, status),
      tables_walk(second, ACCESS_FETCH, privilege, status),
  };
  struct entry entry = {
      .pc = routine_address(routine_fetch, privilege), .status = status, .arguments = {second - 2}};
  enter(&entry);
  uint64_t done = CAUSE_ECALL_USER + (uint64_t)privilege;
  bool faults = walks[0].faults || walks[1].faults;
  if (!check(checksum, "cause of a crossing", entry.cause, faults ? CAUSE_FETCH_PAGE_FAULT : done)) return false;
  if (faults) {
    return check(checksum, "crossing fault address", entry.value, walks[0].faults ? second - 2 : second) &&
           check(checksum, "crossing fault pc", entry.at, second - 2);
  }
  uint64_t halves = (uint64_t)*(uint16_t *)walks[1].physical << 16 | *(uint16_t *)walks[0].physical;
  uint64_t upper = (uint64_t)(int64_t)(int32_t)(halves & 0xfffff000);
  return check(checksum, "result of a crossing", entry.result, upper + code_immediate(walks[1].physical)) &&
         check(checksum, "marks of a crossing", *walks[0].leaf & *walks[1].leaf & PTE_ACCESSED, PTE_ACCESSED);
}

/* A loop of loads, long enough for interrupts to come in between. */
static bool step_sum(uint64_t *checksum) {
  enum privilege privilege = (enum privilege)random_below(2);
  uint64_t address = random_page() + random_offset();
  uint64_t status = random_status(privilege);
  uint64_t times = 1 + random_below(500);
  struct walk walk = tables_walk(address, ACCESS_LOAD, privilege, status);
  struct entry entry = {
      .pc = routine_address(routine_sum, privilege), .status = status, .arguments = {address, times}};
  enter(&entry);
  if (walk.faults) return check(checksum, "cause of a sum", entry.cause, CAUSE_LOAD_PAGE_FAULT);
  return check(checksum, "sum", entry.result, *(uint64_t *)walk.physical * times);
}

static uint64_t random_leaf_flags(void) {
  static const uint8_t choices[] = {
      PTE_READ, PTE_EXECUTE, PTE_READ | PTE_WRITE, PTE_READ | PTE_EXECUTE, PTE_WRITE /* reserved, faults */,
      PTE_LEAF, PTE_LEAF, PTE_LEAF, PTE_LEAF, PTE_LEAF, PTE_LEAF, PTE_LEAF, PTE_LEAF, PTE_LEAF,
  };
  uint64_t flags = choices[random_below(sizeof choices)];
  flags |= random_below(20) ? PTE_VALID : 0;
  flags |= random_word() & (PTE_USER | PTE_ACCESSED | PTE_DIRTY);
  return flags;
}

/* A random entry for a slot of a last-level table. */
static uint64_t random_leaf(void) {
  return tables_entry_for(tables_data_page(random_below(DATA_PAGES)), random_leaf_flags());
}

/* A random entry for a slot of a middle table: mostly a table, else a 2 MiB page, aligned or not. */
static uint64_t random_middle(void) {
  switch (random_below(16)) {
    case 0:
      return 0;
    case 1:
      return tables_entry_for(tables_data_page(random_below(DATA_PAGES)), random_leaf_flags());
    case 2 ... 6:
      return tables_entry_for(tables_data_page(random_below(2) * WINDOW_PAGES), random_leaf_flags());
    default:
      return tables_entry_for(tables[LASTS + random_below(2)], PTE_VALID);
  }
}

struct edit {
  uint64_t table, slot, value;
};

static struct edit random_edit(void) {
  switch (random_below(8)) {
    case 0:
      return (struct edit){ROOTS + random_below(2), 1,
                           random_below(16) ? tables_entry_for(tables[MIDDLES + random_below(2)], PTE_VALID) : 0};
    case 1:
    case 2:
      return (struct edit){MIDDLES + random_below(2), random_below(2), random_middle()};
    default:
      return (struct edit){LASTS + random_below(2), random_below(WINDOW_PAGES), random_leaf()};
  }
}

static uint64_t virtual_address_of(struct edit edit) {
  return VA_TABLES + edit.table * PAGE_BYTES + edit.slot * 8;
}

static bool step_edit_by_machine(uint64_t *checksum) {
  (void)checksum;
  struct edit edit = random_edit();
  tables[edit.table][edit.slot] = edit.value;
  access_fence();
  return true;
}

/* Takes marks away that an access has set; the next access must set them again. */
static bool step_clear_marks(uint64_t *checksum) {
  (void)checksum;
  uint64_t table = LASTS + random_below(2);
  for (uint64_t slot = 0; slot < WINDOW_PAGES; slot++) {
    uint64_t *entry = &tables[table][slot];
    if (random_below(2)) *entry &= ~(uint64_t)(random_below(2) ? PTE_ACCESSED | PTE_DIRTY : PTE_DIRTY);
  }
  access_fence();
  return true;
}

static bool step_change_root(uint64_t *checksum) {
  (void)checksum;
  tables_use_root(1 - tables_root());
  access_fence();
  return true;
}

static bool step_edit_code_by_machine(uint64_t *checksum) {
  (void)checksum;
  uint64_t *words = (uint64_t *)tables_data_page(random_below(DATA_PAGES));
  words[0] = tables_code(random_word());
  words[TABLE_ENTRIES - 1] = tables_tail(random_word(), random_word());
  access_fence();
  return true;
}

/* S-mode edits an entry through its virtual address and loads in the next instruction but one. */
static bool step_edit_and_load(uint64_t *checksum) {
  struct edit edit = random_edit();
  uint64_t address = random_page() + random_offset();
  uint64_t status = random_status(PRIVILEGE_SUPERVISOR);
  struct entry entry = {
      .pc = routine_address(routine_edit_load, PRIVILEGE_SUPERVISOR),
      .status = status,
      .arguments = {virtual_address_of(edit), edit.value, address},
  };
  enter(&entry);
  if (!check(checksum, "edited entry's table", tables[edit.table][edit.slot] & ~(uint64_t)PTE_ACCESSED,
             edit.value & ~(uint64_t)PTE_ACCESSED)) {
    return false;
  }
  /* The walk comes after the access: it differs in the marks only, which do not matter to it. */
  struct walk walk = tables_walk(address, ACCESS_LOAD, PRIVILEGE_SUPERVISOR, status);
  if (walk.faults) return check(checksum, "cause after an edit", entry.cause, CAUSE_LOAD_PAGE_FAULT);
  return check(checksum, "value after an edit", entry.result, *(uint64_t *)walk.physical) &&
         check(checksum, "mark after an edit", *walk.leaf & PTE_ACCESSED, PTE_ACCESSED);
}

/* S-mode exchanges an entry and loads through it, again and again. */
static bool step_toggle(uint64_t *checksum) {
  uint64_t slot = random_below(WINDOW_PAGES);
  uint64_t address = VA_WINDOW_A + slot * PAGE_BYTES + random_offset();
  uint64_t status = random_status(PRIVILEGE_SUPERVISOR);
  uint64_t *middle = tables[(tables[ROOTS + tables_root()][1] == tables_entry_for(tables[MIDDLES], PTE_VALID))
                                ? MIDDLES
                                : MIDDLES + 1];
  tables[ROOTS + tables_root()][1] = tables_entry_for(middle, PTE_VALID);
  middle[0] = tables_entry_for(tables[LASTS], PTE_VALID);
  access_fence();
  uint8_t *pages[2] = {tables_data_page(random_below(DATA_PAGES)), tables_data_page(random_below(DATA_PAGES))};
  uint64_t flags = PTE_VALID | PTE_READ | PTE_WRITE;
  struct entry entry = {
      .pc = routine_address(routine_toggle, PRIVILEGE_SUPERVISOR),
      .status = status,
      .arguments = {virtual_address_of((struct edit){LASTS, slot, 0}), tables_entry_for(pages[0], flags), address,
                    tables_entry_for(pages[1], flags)},
  };
  enter(&entry);
  uint64_t offset = address % PAGE_BYTES;
  uint64_t sum = *(uint64_t *)(pages[0] + offset) + *(uint64_t *)(pages[1] + offset);
  return check(checksum, "sum of a toggled page", entry.result, sum * 16);
}

/* Code that changes the instruction after the next one of itself. */
static bool step_self_modify(uint64_t *checksum) {
  enum privilege privilege = (enum privilege)random_below(2);
  uint64_t immediate = random_below(0x800);
  const uint64_t load_immediate_a0 = 0x00000513;
  struct entry entry = {
      .pc = routine_address(routine_self_modify, privilege),
      .status = (uint64_t)privilege << MSTATUS_MPP_SHIFT,
      .arguments = {routine_address(routine_self_modify_target, privilege), load_immediate_a0 | immediate << 20},
  };
  enter(&entry);
  access_fence();
  return check(checksum, "result of changed code", entry.result, immediate);
}

static bool (*const step_kinds[])(uint64_t *checksum) = {
    step_load,           step_load,          step_store,       step_store,
    step_store,          step_fetch,         step_fetch,       step_crossing_fetch,
    step_crossing_fetch, step_sum,           step_toggle,      step_self_modify,
    step_edit_and_load,  step_edit_and_load, step_clear_marks, step_change_root,
    step_edit_by_machine, step_edit_by_machine, step_edit_by_machine, step_edit_code_by_machine,
};

bool step_perform(uint64_t *checksum) {
  return step_kinds[random_below(sizeof step_kinds / sizeof *step_kinds)](checksum);
}
