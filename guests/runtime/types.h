/* The few types of a freestanding C program. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
