/* CRC-32 of Ethernet and zip: reflected polynomial 0xedb88320 (ITU-T V.42, section 8.1.1.6.2). */
#pragma once

#include "types.h"

uint32_t checksum32(const void *data, size_t bytes);
