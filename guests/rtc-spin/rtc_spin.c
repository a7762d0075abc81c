/* Reads the real-time clock for ever: an environment value in almost every instruction. */
#include "clock.h"
#include "print.h"

int main(void) {
  print("rtc-spin: reading the clock for ever\n");
  for (;;) clock_time_of_day();
}
