/* Cooperative tasks: each runs on its own stack until it waits; interrupts come in between at any time. */
#pragma once

#include "types.h"

/* Whether the task that waits with it may go on. Must not wait itself. */
typedef bool (*task_condition)(void *context);

/* Adds a task that runs body(argument) once. At most TASK_MAXIMUM. */
enum { TASK_MAXIMUM = 4 };
void task_add(void (*body)(void *argument), void *argument);

/* Runs all tasks until the last one has returned; sleeps in WFI while all of them wait. */
void tasks_run(void);

void task_wait(task_condition ready, void *context);

/* A waiter (wait.h) for drivers that are used from tasks. */
void task_wait_flag(volatile bool *flag);

/* Timer ticks since task_start_timer, and a wait for one of them. */
enum { TASK_TICK_MILLISECONDS = 5 };
void task_start_timer(void);
void task_sleep(uint64_t milliseconds);
