/* Seconds since 1970 as a date of the Gregorian calendar, in UTC. */
#pragma once

#include "types.h"

struct date {
  uint64_t year, month, day, hour, minute, second;
};

static inline bool is_leap_year(uint64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static inline struct date date_of(uint64_t seconds) {
  static const uint8_t month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  struct date date = {
      .year = 1970,
      .month = 1,
      .hour = seconds / 3600 % 24,
      .minute = seconds / 60 % 60,
      .second = seconds % 60,
  };
  uint64_t days = seconds / 86400;
  while (days >= 365u + is_leap_year(date.year)) days -= 365u + is_leap_year(date.year++);
  for (;; date.month++) {
    uint64_t length = month_days[date.month - 1] + (date.month == 2 && is_leap_year(date.year));
    if (days < length) break;
    days -= length;
  }
  date.day = days + 1;
  return date;
}
