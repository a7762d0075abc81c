/* How a request to a disk has ended, on whatever bus. */
#pragma once

#include "types.h"

enum disk_outcome_kind { DISK_GOOD, DISK_TRY_AGAIN, DISK_FAILED };

struct disk_outcome {
  enum disk_outcome_kind kind;
  const char *reason;
  uint64_t key, code, qualifier; /* SCSI sense key, additional sense code and its qualifier */
};
