#include "phases.h"

const struct phase phases[PHASES] = {
    {"sieve", phase_sieve},
    {"hash", phase_hash},
    {"integer_matrix", phase_integer_matrix},
    {"double_matrix", phase_double_matrix},
    {"recursion", phase_recursion},
    {"sort", phase_sort},
    {"memcpy", phase_memcpy},
};
