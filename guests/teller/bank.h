/*
 * The bank on disk. This comment is the format; bank.c writes it and bank.ts reads it.
 *
 * Every sector in use is one structure of 512 bytes: little-endian 64-bit fields from offset 0, zeros up
 * to offset 508, then the CRC-32 (as in Ethernet and zip) of the first 508 bytes. Field 0 is the kind,
 * eight ASCII characters.
 *
 *   sector          kind       fields 1, 2, …
 *   0               LSBANK01   identity, accounts, opening balance, journal records
 *   1 and 2         LSLEDGER   generation, session, settled transfers, settled bills
 *   16 + n          LSACCONT   number, balance, latest transfer
 *   64 + s - 1      LSRECORD   sequence, previous, session, client, from, to, amount, balance of from,
 *                              balance of to, first bill, bills, ticks
 *
 * - identity: time of day when the bank was formatted, so that two banks differ.
 * - A journal record is one transfer; its sequence s counts from 1 without gaps over all sessions (boots).
 *   `previous` is the CRC-32 of record s - 1, of the bank sector for s = 1: a record left behind by a
 *   session that was cut off cannot pass for a later one. `to` is BANK_CASH for a withdrawal; then its
 *   amount leaves the bank as bills numbered from `first bill`, in bill_values' denominations.
 *   Balances are those after the transfer. The journal ends before the first sector that is not the next
 *   record.
 * - An account sector may lag behind the journal, by transfers that are not settled.
 * - A transfer is *settled* when its bills are paid and its receipt is printed, in the order of
 *   sequences. The ledger may lag behind; the valid sector with the higher generation counts, and
 *   generation g stands in sector 1 + g % 2.
 *
 * Money: the sum of the balances and of all withdrawals is accounts * opening balance, always.
 */
#pragma once

#include "disk.h"
#include "types.h"

enum {
  BANK_SECTOR = 0,
  BANK_LEDGER_SECTOR = 1,
  BANK_ACCOUNT_SECTOR = 16,
  BANK_JOURNAL_SECTOR = 64,
  BANK_ACCOUNTS = 16,
  BANK_OPENING_BALANCE = 1000000,
  BANK_CASH = 0xffff,
  BANK_MINIMUM_SECTORS = 128,
  BANK_FIELDS = 63,
};

/* Any structure of the disk: its fields by number, see above. */
struct bank_sector {
  uint64_t fields[BANK_FIELDS];
  uint32_t zero;
  uint32_t checksum;
};

enum { BANK_KIND = 0 };
enum { BANK_IDENTITY = 1, BANK_ACCOUNT_COUNT, BANK_OPENING, BANK_JOURNAL_RECORDS };
enum { LEDGER_GENERATION = 1, LEDGER_SESSION, LEDGER_SETTLED, LEDGER_SETTLED_BILLS };
enum { ACCOUNT_NUMBER = 1, ACCOUNT_BALANCE, ACCOUNT_LATEST };
enum {
  RECORD_SEQUENCE = 1,
  RECORD_PREVIOUS,
  RECORD_SESSION,
  RECORD_CLIENT,
  RECORD_FROM,
  RECORD_TO,
  RECORD_AMOUNT,
  RECORD_FROM_BALANCE,
  RECORD_TO_BALANCE,
  RECORD_FIRST_BILL,
  RECORD_BILLS,
  RECORD_TICKS,
};

/* What the bank knows in memory. Accounts are sectors, ready to be written. */
struct bank {
  struct bank_sector accounts[BANK_ACCOUNTS];
  uint64_t session;
  uint64_t journal_records;
  uint64_t issued;       /* sequence of the latest record made, written or not */
  uint64_t issued_bills; /* number of the latest bill that a record promises */
  uint32_t chain;        /* CRC-32 of that record */
  uint64_t settled;
  uint64_t settled_bills;
  uint64_t paid; /* money that has left as bills in this session */
};

extern struct bank bank;

/* Reads the bank, or formats the disk when there is none, and settles what a cut-off session left open. */
void bank_open(void);

/* Makes the record of the next transfer and moves the money in memory. `to` may be BANK_CASH. */
void bank_transfer(struct bank_sector *record, uint64_t client, uint64_t from, uint64_t to, uint64_t amount);

/* Prints the receipt of a record. */
void bank_receipt(const struct bank_sector *record);

/* Writes the ledger: transfers up to `settled` and bills up to `settled_bills` are settled. */
void bank_write_ledger(uint64_t settled, uint64_t settled_bills);

/* Disk access that ends the guest with EXIT_DISK when the disk fails. */
void bank_access(enum disk_command command, uint64_t sector, uint32_t sectors, void *data);

/* Completes the checksum of a sector that is about to be written. */
void bank_seal(struct bank_sector *sector);
