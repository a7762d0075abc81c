/*
 * Running a few instructions in S or U mode, or one access with MPRV, until they trap. The instructions
 * are routines (routines.S) in a page of their own, mapped for S and for U.
 */
#pragma once

#include "types.h"

enum privilege { PRIVILEGE_USER = 0, PRIVILEGE_SUPERVISOR = 1 };

enum {
  CAUSE_ECALL_USER = 8,
  CAUSE_FETCH_PAGE_FAULT = 12,
  CAUSE_LOAD_PAGE_FAULT = 13,
  CAUSE_STORE_PAGE_FAULT = 15,
};

/* What to run and how it ended. enter.S knows the offsets. */
struct entry {
  uint64_t pc;
  uint64_t status; /* mstatus while it runs */
  uint64_t arguments[4];
  uint64_t cause, value, at, result; /* mcause, mtval, mepc and a0 at its trap */
};

/* Timer interrupts taken so far; each sets the next one. */
extern uint64_t access_interrupts;

/* Opens all memory to S and U, and fills the page of routines: with fences in them, or none. */
void access_set_up(bool fences);

/* Orders an edit of page tables or code by M-mode before what follows, when fences are wanted. */
void access_fence(void);

/* Runs from entry->pc at the privilege of entry->status, to the next exception. */
void enter(struct entry *entry);

/* A load of, or store of arguments[1] to, arguments[0] with MPRV; the cause is MACHINE_ACCESS_DONE
 * when there was no exception. */
enum { MACHINE_ACCESS_DONE = 24 };
void machine_load(struct entry *entry);
void machine_store(struct entry *entry);

/* The page of routines, to be mapped at ROUTINES_SUPERVISOR and ROUTINES_USER. */
enum { PAGE_BYTES = 4096 };
extern uint8_t routines_page[PAGE_BYTES];

/* Offset of a routine in the page. */
#define ROUTINE_OFFSET(name) ((uint64_t)((const char *)(name) - routines_start))

/* routines.S describes them. */
extern const char routines_start[], routines_end[];
extern const char routine_load[], routine_store[], routine_fetch[], routine_sum[];
extern const char routine_edit_load[], routine_toggle[], routine_self_modify[];
extern const char routine_self_modify_target[];
