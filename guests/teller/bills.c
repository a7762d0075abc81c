#include "bills.h"

#include "bill_port.h"
#include "print.h"

static const uint64_t bill_values[] = {100, 50, 20, BILL_SMALLEST};

static uint64_t largest_bill(uint64_t amount) {
  size_t i = 0;
  while (bill_values[i] > amount) i++;
  return bill_values[i];
}

uint64_t bill_count(uint64_t amount) {
  uint64_t count = 0;
  for (; amount; amount -= largest_bill(amount)) count++;
  return count;
}

void bills_pay(const struct bank_sector *record) {
  char records[BILL_PORT_SLOTS][BILL_PORT_RECORD_BYTES];
  char text[BILL_PORT_RECORD_BYTES + 1];
  uint64_t left = record->fields[RECORD_AMOUNT];
  uint32_t count = 0;
  for (; left; left -= largest_bill(left), count++) {
    print_into(text, sizeof text, "bill %07u value %03u transfer %07u\n",
               record->fields[RECORD_FIRST_BILL] + count, largest_bill(left), record->fields[RECORD_SEQUENCE]);
    for (size_t i = 0; i < BILL_PORT_RECORD_BYTES; i++) records[count][i] = text[i];
  }
  bill_port_pay(records, count);
}
