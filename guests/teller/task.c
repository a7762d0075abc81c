#include "task.h"

#include "clock.h"
#include "trap.h"

enum { STACK_BYTES = 8192, SAVED_REGISTERS = 14 };

static struct {
  uint64_t stack[STACK_BYTES / 8] __attribute__((aligned(16)));
  uint64_t *saved; /* where task_switch left its registers, on its stack */
  void (*body)(void *argument);
  void *argument;
  task_condition ready;
  void *context;
  bool ended;
} tasks[TASK_MAXIMUM];

static uint32_t task_count;
static uint32_t current;
static uint64_t *scheduler;
static volatile uint64_t timer_ticks;
static uint64_t next_tick;

/* task_switch.S: saves the callee-saved registers on this stack, its address in *from, and goes on at `to`. */
void task_switch(uint64_t **from, uint64_t *to);

static void task_main(void) {
  tasks[current].body(tasks[current].argument);
  tasks[current].ended = true;
  task_switch(&tasks[current].saved, scheduler);
}

void task_add(void (*body)(void *argument), void *argument) {
  uint32_t number = task_count++;
  tasks[number].body = body;
  tasks[number].argument = argument;
  tasks[number].saved = tasks[number].stack + STACK_BYTES / 8 - SAVED_REGISTERS;
  tasks[number].saved[0] = (uint64_t)task_main;
}

static bool may_run(uint32_t number) {
  return !tasks[number].ended && (!tasks[number].ready || tasks[number].ready(tasks[number].context));
}

static bool any_may_run(void) {
  for (uint32_t i = 0; i < task_count; i++) {
    if (may_run(i)) return true;
  }
  return false;
}

static bool all_ended(void) {
  for (uint32_t i = 0; i < task_count; i++) {
    if (!tasks[i].ended) return false;
  }
  return true;
}

void tasks_run(void) {
  while (!all_ended()) {
    for (current = 0; current < task_count; current++) {
      if (may_run(current)) task_switch(&scheduler, tasks[current].saved);
    }
    interrupts_disable();
    /* Asked again with interrupts off, so that no wake-up is lost between the question and WFI. */
    if (!any_may_run() && !all_ended()) __asm__ volatile("wfi" ::: "memory");
    interrupts_enable();
  }
}

void task_wait(task_condition ready, void *context) {
  if (ready(context)) return;
  tasks[current].ready = ready;
  tasks[current].context = context;
  task_switch(&tasks[current].saved, scheduler);
  tasks[current].ready = NULL;
}

static bool is_set(void *flag) {
  return *(volatile bool *)flag;
}

void task_wait_flag(volatile bool *flag) {
  task_wait(is_set, (void *)flag);
}

static void on_tick(void) {
  timer_ticks++;
  next_tick += TASK_TICK_MILLISECONDS * TICKS_PER_MILLISECOND;
  /* After a long stop of the host the missed ticks are skipped. */
  uint64_t now = clock_ticks();
  if (next_tick <= now) next_tick = now + TASK_TICK_MILLISECONDS * TICKS_PER_MILLISECOND;
  clock_set_comparator(next_tick);
}

void task_start_timer(void) {
  next_tick = clock_ticks();
  trap_on_timer(on_tick);
  on_tick();
}

static bool is_reached(void *tick) {
  return timer_ticks >= *(uint64_t *)tick;
}

void task_sleep(uint64_t milliseconds) {
  uint64_t tick = timer_ticks + (milliseconds + TASK_TICK_MILLISECONDS - 1) / TASK_TICK_MILLISECONDS;
  task_wait(is_reached, &tick);
}
