/* Boot arguments, from /chosen/bootargs of the flattened device tree (devicetree specification 0.4, chapter 5). */
#pragma once

#include "types.h"

/* Called by start.S with the address that the boot ROM left in a1. */
void device_tree_use(const void *blob);

/* The value of `name=VALUE` among the boot arguments, or `otherwise` when it is not there. */
uint64_t boot_argument(const char *name, uint64_t otherwise);

/* Whether the bare word `name` stands among the boot arguments. */
bool boot_flag(const char *name);
