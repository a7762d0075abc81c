/* The board's test finisher: power-off with an exit code, and reset. */
#pragma once

#include "types.h"

/* Exit code 0 to 65535; the host's exit status keeps its low 8 bits. */
_Noreturn void power_off(uint32_t exit_code);
_Noreturn void power_reset(void);
