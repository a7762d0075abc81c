/* One random step: an edit, an access, or both in one routine, with its check. */
#pragma once

#include "types.h"

/* False, with a line on the console, when what happened is not what the tables in memory say. What
 * happened goes into the checksum. */
bool step_perform(uint64_t *checksum);
