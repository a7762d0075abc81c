/*
 * Bills: what leaves the bank through the bill port. A bill is one record of BILL_PORT_RECORD_BYTES:
 *
 *     bill 0000057 value 100 transfer 0000124\n
 *
 * with its number (from 1, without gaps), its value and the sequence of the withdrawal that it belongs
 * to. A withdrawal is paid in the fewest bills, larger ones first, in the order of their numbers.
 */
#pragma once

#include "bank.h"

enum { BILL_SMALLEST = 10 };

/* How many bills an amount (a multiple of BILL_SMALLEST) takes. */
uint64_t bill_count(uint64_t amount);

/* Pays the bills of a withdrawal's record and waits until they are out. */
void bills_pay(const struct bank_sector *record);
