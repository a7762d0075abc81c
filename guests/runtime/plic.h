/* Platform-level interrupt controller: context 0 is hart 0 in M-mode (PLIC specification 1.0). */
#pragma once

#include "types.h"

typedef void (*interrupt_handler)(void *context);

/* Enables one interrupt source at priority 1; its handler runs with interrupts off. */
void plic_attach(uint32_t source, interrupt_handler handler, void *context);

/* Claims, handles and completes everything pending. */
void plic_dispatch(void);
