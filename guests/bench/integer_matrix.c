#include "phases.h"

enum { SIZE = 96, PRODUCTS_PER_100_PERCENT = 34 };

static int64_t left[SIZE][SIZE], right[SIZE][SIZE], product[SIZE][SIZE];

uint64_t phase_integer_matrix(uint64_t scale) {
  for (int row = 0; row < SIZE; row++) {
    for (int column = 0; column < SIZE; column++) {
      left[row][column] = row * 7 - column * 3;
      right[row][column] = row * 5 + column * 11 - 40;
    }
  }
  uint64_t products = (scale * PRODUCTS_PER_100_PERCENT + 99) / 100;
  uint64_t checksum = 0;
  for (uint64_t count = 0; count < products; count++) {
    for (int row = 0; row < SIZE; row++) {
      for (int column = 0; column < SIZE; column++) {
        int64_t sum = 0;
        for (int k = 0; k < SIZE; k++) sum += left[row][k] * right[k][column];
        product[row][column] = sum;
      }
    }
    for (int i = 0; i < SIZE; i++) {
      checksum = checksum * 31 + (uint64_t)product[i][SIZE - 1 - i];
      left[i][i] ^= (int64_t)(checksum & 0xffff);
    }
  }
  return checksum;
}
