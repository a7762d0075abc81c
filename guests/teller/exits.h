/* Exit codes of the teller. */
#pragma once

enum {
  EXIT_DISK = 20,
  EXIT_JOURNAL_FULL = 21,
  EXIT_MONEY_LOST = 22,
  EXIT_READ_BACK = 23,
};
