/** The tests of the hart that every engine must pass. */
export const suites: readonly string[] = [
  "./code_test.ts",
  "./float_test.ts",
  "./paging_test.ts",
  "./pmp_test.ts",
  "./pmp_random_test.ts",
  "./running_test.ts",
  "./sequences_test.ts",
  "./traps_test.ts",
  "./triggers_test.ts",
  "./watched_memory_test.ts",
];
