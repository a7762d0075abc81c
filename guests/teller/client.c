#include "client.h"

#include "bank.h"
#include "bills.h"
#include "clock.h"
#include "disk.h"
#include "exits.h"
#include "memory.h"
#include "power.h"
#include "print.h"
#include "task.h"

enum {
  JOURNAL_PIECE_RECORDS = 8, /* a batch is written in pieces that are in flight together */
  JOURNAL_PIECES = BATCH_MAXIMUM / JOURNAL_PIECE_RECORDS,
  READ_BACK_EVERY = 4, /* batches */
  WITHDRAWAL_EVERY = 4,
  LARGEST_TRANSFER = 500,
  LARGEST_WITHDRAWAL = 390,
};

uint64_t clients_finished;

/* Accounts whose sectors a client is about to write: one writer at a time, so that two writes of one
 * sector are never in flight together and a retry cannot overtake a newer write. */
static bool locked[BANK_ACCOUNTS];

struct batch {
  struct bank_sector records[BATCH_MAXIMUM];
  uint64_t count;
  bool touched[BANK_ACCOUNTS];
};

static struct batch batches[CLIENTS];
static struct bank_sector read_back[CLIENTS][JOURNAL_PIECE_RECORDS];
static uint64_t random_state = 0x2545f4914f6cdd1dull;

/* Amounts and accounts vary with the time of day of the session: replay has something to reproduce. */
static uint64_t random_below(uint64_t limit) {
  random_state ^= clock_ticks();
  random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
  return (random_state >> 16) % limit;
}

/* The accounts that a batch may use: all of them for single transfers, else the client's own branch, so
 * that both clients' batches are in flight together. */
struct branch {
  uint64_t first;
  uint64_t count;
};

static struct branch branch_of(const struct client *client) {
  if (client->plan->batch == 1) return (struct branch){0, BANK_ACCOUNTS};
  return (struct branch){client->number * BANK_ACCOUNTS / CLIENTS, BANK_ACCOUNTS / CLIENTS};
}

static bool are_unlocked(void *context) {
  const bool *wanted = context;
  for (uint64_t number = 0; number < BANK_ACCOUNTS; number++) {
    if (wanted[number] && locked[number]) return false;
  }
  return true;
}

static void lock(bool *wanted) {
  task_wait(are_unlocked, wanted);
  for (uint64_t number = 0; number < BANK_ACCOUNTS; number++) locked[number] |= wanted[number];
}

static void unlock(const bool *wanted) {
  for (uint64_t number = 0; number < BANK_ACCOUNTS; number++) locked[number] &= !wanted[number];
}

struct order {
  uint64_t from, to, amount;
};

static struct order choose(const struct client *client, struct branch branch) {
  struct order order = {.from = branch.first + random_below(branch.count)};
  if (client->plan->has_bill_port && random_below(WITHDRAWAL_EVERY) == 0) {
    order.to = BANK_CASH;
    order.amount = BILL_SMALLEST * (1 + random_below(LARGEST_WITHDRAWAL / BILL_SMALLEST));
  } else {
    uint64_t distance = 1 + random_below(branch.count - 1);
    order.to = branch.first + (order.from - branch.first + distance) % branch.count;
    order.amount = 1 + random_below(LARGEST_TRANSFER);
  }
  return order;
}

/* Orders are chosen and accounts locked first; then, without waiting, records get their sequences. */
static void fill(struct client *client, struct batch *batch) {
  static struct order orders[CLIENTS][BATCH_MAXIMUM];
  struct branch branch = branch_of(client);
  memset(batch->touched, 0, sizeof batch->touched);
  for (uint64_t i = 0; i < client->plan->batch; i++) {
    struct order order = choose(client, branch);
    orders[client->number][i] = order;
    batch->touched[order.from] = true;
    if (order.to != BANK_CASH) batch->touched[order.to] = true;
  }
  lock(batch->touched);
  batch->count = 0;
  while (batch->count < client->plan->batch && bank.issued < client->plan->last_transfer) {
    struct order order = orders[client->number][batch->count];
    uint64_t balance = bank.accounts[order.from].fields[ACCOUNT_BALANCE];
    if (order.amount > balance) order.amount = order.to == BANK_CASH ? balance - balance % BILL_SMALLEST : balance;
    bank_transfer(&batch->records[batch->count++], client->number, order.from, order.to, order.amount);
  }
}

static void finish(struct disk_request *request) {
  if (disk_finish(request)) return;
  print("teller: the disk failed, stopping\n");
  power_off(EXIT_DISK);
}

static void write_journal(const struct batch *batch) {
  struct disk_request requests[JOURNAL_PIECES];
  uint64_t first = BANK_JOURNAL_SECTOR + batch->records[0].fields[RECORD_SEQUENCE] - 1;
  uint64_t pieces = 0;
  for (uint64_t at = 0; at < batch->count; at += JOURNAL_PIECE_RECORDS, pieces++) {
    uint64_t left = batch->count - at;
    requests[pieces] = (struct disk_request){
        .command = DISK_WRITE,
        .sector = first + at,
        .sectors = (uint32_t)(left < JOURNAL_PIECE_RECORDS ? left : JOURNAL_PIECE_RECORDS),
        .data = (void *)&batch->records[at],
    };
    disk_submit(&requests[pieces]);
  }
  for (uint64_t i = 0; i < pieces; i++) finish(&requests[i]);
}

/* Writes runs of touched accounts, all in flight together. */
static void write_accounts(const struct batch *batch) {
  struct disk_request requests[BANK_ACCOUNTS];
  uint64_t count = 0;
  for (uint64_t number = 0; number < BANK_ACCOUNTS; number++) {
    if (!batch->touched[number]) continue;
    bank_seal(&bank.accounts[number]);
    bool continues = number > 0 && batch->touched[number - 1];
    if (continues) {
      requests[count - 1].sectors++;
      continue;
    }
    requests[count++] = (struct disk_request){
        .command = DISK_WRITE,
        .sector = BANK_ACCOUNT_SECTOR + number,
        .sectors = 1,
        .data = &bank.accounts[number],
    };
  }
  for (uint64_t i = 0; i < count; i++) disk_submit(&requests[i]);
  for (uint64_t i = 0; i < count; i++) finish(&requests[i]);
}

static void check_journal(const struct client *client, const struct batch *batch) {
  struct bank_sector *buffer = read_back[client->number];
  uint32_t count = (uint32_t)(batch->count < JOURNAL_PIECE_RECORDS ? batch->count : JOURNAL_PIECE_RECORDS);
  uint64_t sequence = batch->records[0].fields[RECORD_SEQUENCE];
  bank_access(DISK_READ, BANK_JOURNAL_SECTOR + sequence - 1, count, buffer);
  if (memcmp(buffer, batch->records, count * (size_t)SECTOR_BYTES) == 0) return;
  print("teller: the disk does not hold transfer %u as it was written\n", sequence);
  power_off(EXIT_READ_BACK);
}

static bool is_turn_of(void *context) {
  return bank.settled + 1 == *(uint64_t *)context;
}

/* In the order of sequences: only what all earlier transfers are durable for is told to the world. */
static void settle(struct batch *batch) {
  for (uint64_t i = 0; i < batch->count; i++) {
    uint64_t *fields = batch->records[i].fields;
    task_wait(is_turn_of, &fields[RECORD_SEQUENCE]);
    if (fields[RECORD_TO] == BANK_CASH) {
      bills_pay(&batch->records[i]);
      bank.paid += fields[RECORD_AMOUNT];
    }
    bank_receipt(&batch->records[i]);
    bank.settled_bills += fields[RECORD_BILLS];
    bank.settled++;
  }
}

void client_run(void *argument) {
  struct client *client = argument;
  const struct plan *plan = client->plan;
  struct batch *batch = &batches[client->number];
  for (uint64_t round = 1; bank.issued < plan->last_transfer; round++) {
    if (plan->pace) task_sleep(plan->pace / 2 + random_below(plan->pace));
    fill(client, batch);
    if (batch->count) {
      write_journal(batch);
      if (plan->flush && round % plan->flush == 0) bank_access(DISK_FLUSH, 0, 0, NULL);
      write_accounts(batch);
      if (round % READ_BACK_EVERY == 0) check_journal(client, batch);
      settle(batch);
    }
    unlock(batch->touched);
  }
  clients_finished++;
}
