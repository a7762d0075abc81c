/*
 * The bank of the demo: two clients move money between accounts on disk, withdraw bills, and print
 * receipts (client.c); bank.h describes the disk, bills.h the bill port. Boot arguments:
 *
 *   transfers=N  transfers of this session (200; burst 2000)
 *   pace=N       mean milliseconds between the batches of a client, 0 for none (120; burst 0)
 *   batch=N      transfers in a batch, 1 to 32 (1; burst 16)
 *   flush=N      flush after the journal write of every N-th batch of a client, 0 for never (1)
 *   burst        many multi-sector writes in flight, as fast as the disk takes them
 */
#include "bank.h"
#include "bill_port.h"
#include "client.h"
#include "clock.h"
#include "device_tree.h"
#include "exits.h"
#include "print.h"
#include "task.h"
#include "wait.h"

enum { LEDGER_EVERY = 8 /* settled transfers */ };

static uint64_t ledger_settled;

static bool has_ledger_work(void *context) {
  (void)context;
  return clients_finished == CLIENTS || bank.settled >= ledger_settled + LEDGER_EVERY;
}

/* Brings the ledger after what is settled, never ahead of what is durable. */
static void bookkeeper_run(void *argument) {
  (void)argument;
  ledger_settled = bank.settled;
  for (bool last = false; !last;) {
    task_wait(has_ledger_work, NULL);
    last = clients_finished == CLIENTS;
    uint64_t settled = bank.settled;
    uint64_t settled_bills = bank.settled_bills;
    bank_access(DISK_FLUSH, 0, 0, NULL);
    bank_write_ledger(settled, settled_bills);
    ledger_settled = settled;
  }
  bank_access(DISK_FLUSH, 0, 0, NULL);
}

static struct plan plan_from_arguments(void) {
  bool burst = boot_flag("burst");
  uint64_t batch = boot_argument("batch", burst ? 16 : 1);
  return (struct plan){
      .last_transfer = bank.issued + boot_argument("transfers", burst ? 2000 : 200),
      .batch = batch < 1 ? 1 : batch > BATCH_MAXIMUM ? BATCH_MAXIMUM : batch,
      .pace = boot_argument("pace", burst ? 0 : 120),
      .flush = boot_argument("flush", 1),
  };
}

static uint64_t money_in_accounts(void) {
  uint64_t sum = 0;
  for (int number = 0; number < BANK_ACCOUNTS; number++) sum += bank.accounts[number].fields[ACCOUNT_BALANCE];
  return sum;
}

int main(void) {
  if (!disk_open()) return EXIT_DISK;
  if (disk_sectors() < BANK_MINIMUM_SECTORS) {
    print("teller: the disk has %u sectors, the bank needs %u\n", disk_sectors(), (uint64_t)BANK_MINIMUM_SECTORS);
    return EXIT_DISK;
  }
  bank_open();
  static struct plan plan;
  plan = plan_from_arguments();
  plan.has_bill_port = bill_port_open();
  if (!plan.has_bill_port) print("teller: no bill port, no withdrawals\n");
  bool journal_full = plan.last_transfer > bank.journal_records;
  if (journal_full) plan.last_transfer = bank.journal_records;

  uint64_t transfers = bank.issued;
  uint64_t bills = bank.issued_bills;
  uint64_t money = money_in_accounts();
  uint64_t start = clock_ticks();
  static struct client clients[CLIENTS];
  for (uint64_t number = 0; number < CLIENTS; number++) {
    clients[number] = (struct client){.number = number, .plan = &plan};
    task_add(client_run, &clients[number]);
  }
  task_add(bookkeeper_run, NULL);
  task_start_timer();
  wait_with(task_wait_flag);
  tasks_run();

  uint64_t left = money_in_accounts();
  print("teller: %u transfers in %u ms, %u paid out in %u bills, %u left in %u accounts\n",
        bank.issued - transfers, (clock_ticks() - start) / TICKS_PER_MILLISECOND, bank.paid,
        bank.issued_bills - bills, left, (uint64_t)BANK_ACCOUNTS);
  print("teller: closed at transfer %u bill %u\n", bank.issued, bank.issued_bills);
  if (left + bank.paid != money) {
    print("teller: there were %u, money was made or lost\n", money);
    return EXIT_MONEY_LOST;
  }
  if (!journal_full) return 0;
  print("teller: the journal is full\n");
  return EXIT_JOURNAL_FULL;
}
