#include "bank.h"

#include "bills.h"
#include "checksum.h"
#include "clock.h"
#include "exits.h"
#include "memory.h"
#include "power.h"
#include "print.h"

_Static_assert(sizeof(struct bank_sector) == SECTOR_BYTES, "a structure is a sector");

/* Kinds as they stand in memory order. */
#define KIND(a, b, c, d, e, f, g, h)                                                            \
  ((uint64_t)(a) | (uint64_t)(b) << 8 | (uint64_t)(c) << 16 | (uint64_t)(d) << 24 |             \
   (uint64_t)(e) << 32 | (uint64_t)(f) << 40 | (uint64_t)(g) << 48 | (uint64_t)(h) << 56)
#define KIND_BANK KIND('L', 'S', 'B', 'A', 'N', 'K', '0', '1')
#define KIND_LEDGER KIND('L', 'S', 'L', 'E', 'D', 'G', 'E', 'R')
#define KIND_ACCOUNT KIND('L', 'S', 'A', 'C', 'C', 'O', 'N', 'T')
#define KIND_RECORD KIND('L', 'S', 'R', 'E', 'C', 'O', 'R', 'D')

enum { CHECKED_BYTES = SECTOR_BYTES - 4 };

struct bank bank;

static uint64_t ledger_generation;

void bank_seal(struct bank_sector *sector) {
  sector->checksum = checksum32(sector, CHECKED_BYTES);
}

static bool is_valid(const struct bank_sector *sector, uint64_t kind) {
  return sector->fields[BANK_KIND] == kind && sector->checksum == checksum32(sector, CHECKED_BYTES);
}

void bank_access(enum disk_command command, uint64_t sector, uint32_t sectors, void *data) {
  struct disk_request request = {.command = command, .sector = sector, .sectors = sectors, .data = data};
  if (disk_perform(&request)) return;
  print("teller: the disk failed, stopping\n");
  power_off(EXIT_DISK);
}

static void flush(void) {
  bank_access(DISK_FLUSH, 0, 0, NULL);
}

void bank_write_ledger(uint64_t settled, uint64_t settled_bills) {
  static struct bank_sector ledger;
  ledger_generation++;
  ledger.fields[BANK_KIND] = KIND_LEDGER;
  ledger.fields[LEDGER_GENERATION] = ledger_generation;
  ledger.fields[LEDGER_SESSION] = bank.session;
  ledger.fields[LEDGER_SETTLED] = settled;
  ledger.fields[LEDGER_SETTLED_BILLS] = settled_bills;
  bank_seal(&ledger);
  bank_access(DISK_WRITE, BANK_LEDGER_SECTOR + ledger_generation % 2, 1, &ledger);
}

static void opening_accounts(uint64_t opening_balance) {
  for (uint64_t number = 0; number < BANK_ACCOUNTS; number++) {
    struct bank_sector *account = &bank.accounts[number];
    account->fields[BANK_KIND] = KIND_ACCOUNT;
    account->fields[ACCOUNT_NUMBER] = number;
    account->fields[ACCOUNT_BALANCE] = opening_balance;
    bank_seal(account);
  }
}

/* The bank sector is written last: a disk whose formatting was cut off is formatted again. */
static void format(struct bank_sector *superblock) {
  memset(superblock, 0, sizeof *superblock);
  superblock->fields[BANK_KIND] = KIND_BANK;
  superblock->fields[BANK_IDENTITY] = clock_time_of_day();
  superblock->fields[BANK_ACCOUNT_COUNT] = BANK_ACCOUNTS;
  superblock->fields[BANK_OPENING] = BANK_OPENING_BALANCE;
  superblock->fields[BANK_JOURNAL_RECORDS] = disk_sectors() - BANK_JOURNAL_SECTOR;
  bank_seal(superblock);
  static struct bank_sector nothing;
  bank_access(DISK_WRITE, BANK_LEDGER_SECTOR, 1, &nothing);
  bank_access(DISK_WRITE, BANK_LEDGER_SECTOR + 1, 1, &nothing);
  bank_access(DISK_WRITE, BANK_ACCOUNT_SECTOR, BANK_ACCOUNTS, bank.accounts);
  flush();
  bank_access(DISK_WRITE, BANK_SECTOR, 1, superblock);
  flush();
  print("teller: formatted %u accounts of %u, journal of %u records\n", (uint64_t)BANK_ACCOUNTS,
        (uint64_t)BANK_OPENING_BALANCE, superblock->fields[BANK_JOURNAL_RECORDS]);
}

static void read_ledger(void) {
  static struct bank_sector ledgers[2];
  bank_access(DISK_READ, BANK_LEDGER_SECTOR, 2, ledgers);
  for (int i = 0; i < 2; i++) {
    if (!is_valid(&ledgers[i], KIND_LEDGER)) continue;
    if (ledgers[i].fields[LEDGER_GENERATION] <= ledger_generation) continue;
    ledger_generation = ledgers[i].fields[LEDGER_GENERATION];
    bank.session = ledgers[i].fields[LEDGER_SESSION];
    bank.settled = ledgers[i].fields[LEDGER_SETTLED];
    bank.settled_bills = ledgers[i].fields[LEDGER_SETTLED_BILLS];
  }
}

static bool is_next_record(const struct bank_sector *record) {
  return is_valid(record, KIND_RECORD) && record->fields[RECORD_SEQUENCE] == bank.issued + 1 &&
         record->fields[RECORD_PREVIOUS] == bank.chain;
}

static void set_account(uint64_t number, uint64_t balance, uint64_t sequence) {
  bank.accounts[number].fields[ACCOUNT_BALANCE] = balance;
  bank.accounts[number].fields[ACCOUNT_LATEST] = sequence;
}

/* The effect of a record that is the next one, made or read. */
static void apply(const struct bank_sector *record) {
  const uint64_t *fields = record->fields;
  bank.issued = fields[RECORD_SEQUENCE];
  bank.issued_bills += fields[RECORD_BILLS];
  bank.chain = record->checksum;
  set_account(fields[RECORD_FROM], fields[RECORD_FROM_BALANCE], bank.issued);
  if (fields[RECORD_TO] != BANK_CASH) set_account(fields[RECORD_TO], fields[RECORD_TO_BALANCE], bank.issued);
}

/* A record whose session ended before the ledger said it was settled. Its bills may have been paid or
 * not, and nobody can tell (the notes' "ATM bill vendor"): they are not paid again. */
static void settle_left_open(const struct bank_sector *record) {
  bank_receipt(record);
  if (record->fields[RECORD_BILLS] == 0) return;
  print("uncertain bills of transfer %u, left to the cashier\n", record->fields[RECORD_SEQUENCE]);
}

static void read_journal(void (*each)(const struct bank_sector *record)) {
  static struct bank_sector chunk[DISK_MAXIMUM_SECTORS];
  while (bank.issued < bank.journal_records) {
    uint64_t left = bank.journal_records - bank.issued;
    uint32_t count = left < DISK_MAXIMUM_SECTORS ? (uint32_t)left : DISK_MAXIMUM_SECTORS;
    bank_access(DISK_READ, BANK_JOURNAL_SECTOR + bank.issued, count, chunk);
    for (uint32_t i = 0; i < count; i++) {
      if (!is_next_record(&chunk[i])) return;
      apply(&chunk[i]);
      if (bank.issued > bank.settled) each(&chunk[i]);
    }
  }
}

static void repair_accounts(void) {
  static struct bank_sector on_disk[BANK_ACCOUNTS];
  bank_access(DISK_READ, BANK_ACCOUNT_SECTOR, BANK_ACCOUNTS, on_disk);
  for (uint64_t number = 0; number < BANK_ACCOUNTS; number++) {
    bank_seal(&bank.accounts[number]);
    if (memcmp(&on_disk[number], &bank.accounts[number], SECTOR_BYTES) == 0) continue;
    bank_access(DISK_WRITE, BANK_ACCOUNT_SECTOR + number, 1, &bank.accounts[number]);
    print("teller: account %u brought up to date from the journal\n", number);
  }
}

void bank_open(void) {
  static struct bank_sector superblock;
  bank_access(DISK_READ, BANK_SECTOR, 1, &superblock);
  opening_accounts(BANK_OPENING_BALANCE);
  if (!is_valid(&superblock, KIND_BANK)) format(&superblock);
  bank.journal_records = superblock.fields[BANK_JOURNAL_RECORDS];
  bank.chain = superblock.checksum;
  read_ledger();
  bank.session++;
  print("teller: session %u continues at transfer %u bill %u\n", bank.session, bank.settled + 1,
        bank.settled_bills + 1);
  read_journal(settle_left_open);
  repair_accounts();
  flush();
  bank.settled = bank.issued;
  bank.settled_bills = bank.issued_bills;
  bank_write_ledger(bank.settled, bank.settled_bills);
  flush();
}

void bank_transfer(struct bank_sector *record, uint64_t client, uint64_t from, uint64_t to, uint64_t amount) {
  uint64_t *fields = record->fields;
  memset(record, 0, sizeof *record);
  fields[BANK_KIND] = KIND_RECORD;
  fields[RECORD_SEQUENCE] = bank.issued + 1;
  fields[RECORD_PREVIOUS] = bank.chain;
  fields[RECORD_SESSION] = bank.session;
  fields[RECORD_CLIENT] = client;
  fields[RECORD_FROM] = from;
  fields[RECORD_TO] = to;
  fields[RECORD_AMOUNT] = amount;
  fields[RECORD_FROM_BALANCE] = bank.accounts[from].fields[ACCOUNT_BALANCE] - amount;
  if (to == BANK_CASH) {
    fields[RECORD_FIRST_BILL] = bank.issued_bills + 1;
    fields[RECORD_BILLS] = bill_count(amount);
  } else {
    fields[RECORD_TO_BALANCE] = bank.accounts[to].fields[ACCOUNT_BALANCE] + amount;
  }
  fields[RECORD_TICKS] = clock_ticks();
  bank_seal(record);
  apply(record);
}

void bank_receipt(const struct bank_sector *record) {
  const uint64_t *fields = record->fields;
  if (fields[RECORD_TO] == BANK_CASH) {
    print("receipt %u client %u from %u to cash amount %u bills %u-%u\n", fields[RECORD_SEQUENCE],
          fields[RECORD_CLIENT], fields[RECORD_FROM], fields[RECORD_AMOUNT], fields[RECORD_FIRST_BILL],
          fields[RECORD_FIRST_BILL] + fields[RECORD_BILLS] - 1);
  } else {
    print("receipt %u client %u from %u to %u amount %u\n", fields[RECORD_SEQUENCE], fields[RECORD_CLIENT],
          fields[RECORD_FROM], fields[RECORD_TO], fields[RECORD_AMOUNT]);
  }
}
