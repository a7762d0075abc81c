#include "clock.h"

enum {
  CLINT_MTIMECMP = 0x4000,
  CLINT_MTIME = 0xbff8,
  RTC_TIME_LOW = 0x0,
  RTC_TIME_HIGH = 0x4,
};

uint64_t clock_mtime(void) {
  return mmio_read64(BOARD_CLINT + CLINT_MTIME);
}

void clock_set_comparator(uint64_t ticks) {
  mmio_write64(BOARD_CLINT + CLINT_MTIMECMP, ticks);
}

uint64_t clock_time_of_day(void) {
  /* Reading the low half latches the high half (goldfish_rtc). */
  uint64_t low = mmio_read32(BOARD_RTC + RTC_TIME_LOW);
  uint64_t high = mmio_read32(BOARD_RTC + RTC_TIME_HIGH);
  return (high << 32) | low;
}
