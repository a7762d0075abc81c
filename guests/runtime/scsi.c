#include "scsi.h"

enum { STATUS_GOOD = 0x00, STATUS_CHECK_CONDITION = 0x02, STATUS_BUSY = 0x08, STATUS_TASK_SET_FULL = 0x28 };
enum { RESPONSE_OK = 0, RESPONSE_ABORTED = 2, RESPONSE_RESET = 4, RESPONSE_BUSY = 5 };
enum { SENSE_FORMAT_DESCRIPTOR = 0x72 };

/* Sense keys (SPC-4, table 54) that occur on disks; the first three are worth another try. */
static const struct {
  uint8_t key;
  enum disk_outcome_kind kind;
  const char *reason;
} sense_keys[] = {
    {0x6, DISK_TRY_AGAIN, "unit attention"}, {0xb, DISK_TRY_AGAIN, "aborted command"},
    {0x2, DISK_TRY_AGAIN, "not ready"},      {0x3, DISK_FAILED, "medium error"},
    {0x4, DISK_FAILED, "hardware error"},    {0x5, DISK_FAILED, "illegal request"},
    {0x7, DISK_FAILED, "data protect"},
};

static struct disk_outcome from_sense(const uint8_t *sense) {
  bool descriptor = (sense[0] & 0x7f) >= SENSE_FORMAT_DESCRIPTOR;
  struct disk_outcome outcome = {
      .kind = DISK_FAILED,
      .reason = "check condition",
      .key = (descriptor ? sense[1] : sense[2]) & 0xf,
      .code = descriptor ? sense[2] : sense[12],
      .qualifier = descriptor ? sense[3] : sense[13],
  };
  for (size_t i = 0; i < sizeof sense_keys / sizeof *sense_keys; i++) {
    if (sense_keys[i].key != outcome.key) continue;
    outcome.kind = sense_keys[i].kind;
    outcome.reason = sense_keys[i].reason;
  }
  return outcome;
}

struct disk_outcome scsi_outcome_of(const struct virtio_scsi_response *response) {
  switch (response->response) {
    case RESPONSE_OK:
      break;
    case RESPONSE_ABORTED:
    case RESPONSE_RESET:
    case RESPONSE_BUSY:
      return (struct disk_outcome){.kind = DISK_TRY_AGAIN, .reason = "transport busy or reset"};
    default:
      return (struct disk_outcome){.kind = DISK_FAILED, .reason = "transport failure"};
  }
  switch (response->status) {
    case STATUS_GOOD:
      return (struct disk_outcome){.kind = DISK_GOOD, .reason = "good"};
    case STATUS_BUSY:
    case STATUS_TASK_SET_FULL:
      return (struct disk_outcome){.kind = DISK_TRY_AGAIN, .reason = "busy"};
    case STATUS_CHECK_CONDITION:
      return from_sense(response->sense);
    default:
      return (struct disk_outcome){.kind = DISK_FAILED, .reason = "unknown status"};
  }
}
