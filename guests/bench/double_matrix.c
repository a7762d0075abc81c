/* Built with hardware floating point, unlike all other guest code; main lets the hart use it. */
#include "phases.h"

enum { SIZE = 96, PRODUCTS_PER_100_PERCENT = 34 };

static double left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

static uint64_t bits_of(double value) {
  union { double value; uint64_t bits; } both = {value};
  return both.bits;
}

uint64_t phase_double_matrix(uint64_t scale) {
  for (int row = 0; row < SIZE; row++) {
    for (int column = 0; column < SIZE; column++) {
      left[row][column] = 1.0 / (row + 2 * column + 1);
      right[row][column] = (row - column) / 7.0;
    }
  }
  uint64_t products = (scale * PRODUCTS_PER_100_PERCENT + 99) / 100;
  uint64_t checksum = 0;
  for (uint64_t count = 0; count < products; count++) {
    for (int row = 0; row < SIZE; row++) {
      for (int column = 0; column < SIZE; column++) {
        double sum = 0;
        for (int k = 0; k < SIZE; k++) sum += left[row][k] * right[k][column];
        product[row][column] = sum;
      }
    }
    for (int i = 0; i < SIZE; i++) {
      checksum = checksum * 31 + bits_of(product[i][SIZE - 1 - i]);
      left[i][i] += 1.0 / (double)(1 + (checksum & 0xffff));
    }
  }
  return checksum;
}
