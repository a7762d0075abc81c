/* A simulated client of the bank: makes transfers in batches until the session's target is reached. */
#pragma once

#include "types.h"

enum { CLIENTS = 2, BATCH_MAXIMUM = 32 };

/* How the session works, from the boot arguments (see teller.c). */
struct plan {
  uint64_t last_transfer;    /* sequence at which the session ends */
  uint64_t batch;            /* transfers in one batch, 1 to BATCH_MAXIMUM */
  uint64_t pace;             /* mean milliseconds between the batches of a client; 0: none */
  uint64_t flush;            /* a flush after the journal write of every n-th batch; 0: never */
  bool has_bill_port;
};

struct client {
  uint64_t number;
  const struct plan *plan;
};

/* The task; its argument is a struct client. */
void client_run(void *argument);

/* How many clients have finished, for the bookkeeper. */
extern uint64_t clients_finished;
