/*
 * A station on a network: answers ARP and echo requests, and speaks a protocol of numbered messages over
 * UDP, one at a time. The server keeps a checksum over all messages in their order and tells it in each
 * reply; a message that comes again gets the same reply, one out of order gets none.
 *
 *   message: number, 8 bytes (1, 2, 3, ...; 0 ends the server), then its contents
 *   reply:   number, 8 bytes; checksum after that message, 8 bytes
 *
 * With `ask=N` it is the client of station N, and sends `count` messages. Numbers are big-endian.
 */
#include "clock.h"
#include "device_tree.h"
#include "packets.h"
#include "print.h"
#include "trap.h"
#include "wait.h"

enum { NUMBER_BYTES = 8, REPLY_BYTES = 16, PRINTED_EVERY = 100 };
enum { EXIT_NO_DEVICE = 1, EXIT_WRONG_REPLY = 2 };
#define RETRY_TICKS (20 * TICKS_PER_MILLISECOND)

static uint64_t messages;
static uint64_t checksum;
static volatile bool ended;
static volatile bool answered;
static volatile bool late;
static bool wrong;

static void add(const uint8_t *contents, size_t size) {
  for (size_t i = 0; i < size; i++) checksum = checksum * 31 + contents[i];
  messages++;
  if (messages % PRINTED_EVERY == 0) print("net: %u messages, checksum %x\n", messages, checksum);
}

static void on_message(const uint8_t *message, size_t size) {
  if (size < NUMBER_BYTES) return;
  uint64_t number = get_big_endian(message, NUMBER_BYTES);
  if (number == 0) ended = true;
  if (number == messages + 1) add(message + NUMBER_BYTES, size - NUMBER_BYTES);
  if (number != 0 && number != messages) return;
  uint8_t reply[REPLY_BYTES];
  put_big_endian(reply, NUMBER_BYTES, number);
  put_big_endian(reply + NUMBER_BYTES, NUMBER_BYTES, checksum);
  station_reply(reply, sizeof reply);
}

static void on_reply(const uint8_t *reply, size_t size) {
  if (size != REPLY_BYTES || get_big_endian(reply, NUMBER_BYTES) != messages) return;
  if (get_big_endian(reply + NUMBER_BYTES, NUMBER_BYTES) != checksum) wrong = true;
  answered = true;
}

static void on_timer(void) {
  clock_set_comparator(CLOCK_NEVER);
  late = true;
}

/* Sends a message again and again until it is answered. */
static void converse(uint8_t peer, const uint8_t *message, size_t size) {
  interrupts_disable();
  answered = false;
  while (!answered) {
    late = false;
    station_send(peer, message, size);
    clock_set_comparator(clock_ticks() + RETRY_TICKS);
    while (!answered && !late) {
      __asm__ volatile("wfi" ::: "memory");
      interrupts_enable();
      interrupts_disable();
    }
  }
  interrupts_enable();
}

static int ask(uint8_t peer, uint64_t count) {
  static uint8_t message[PAYLOAD_BYTES];
  uint32_t random = 1;
  trap_on_timer(on_timer);
  for (uint64_t number = 1; number <= count && !wrong; number++) {
    size_t size = NUMBER_BYTES + 1 + number * 37 % (PAYLOAD_BYTES - NUMBER_BYTES);
    put_big_endian(message, NUMBER_BYTES, number);
    for (size_t i = NUMBER_BYTES; i < size; i++) {
      random = random * 1664525 + 1013904223;
      message[i] = (uint8_t)(random >> 24);
    }
    add(message + NUMBER_BYTES, size - NUMBER_BYTES);
    converse(peer, message, size);
  }
  print("net: asked station %u, %u messages, checksum %x\n", (uint64_t)peer, messages, checksum);
  return wrong ? EXIT_WRONG_REPLY : 0;
}

int main(void) {
  uint64_t peer = boot_argument("ask", 0);
  if (!station_open(peer ? on_reply : on_message)) {
    print("net: no network device\n");
    return EXIT_NO_DEVICE;
  }
  print("net: station 10.77.0.%u\n", (uint64_t)station_number());
  if (peer) return ask((uint8_t)peer, boot_argument("count", 100));
  wait_until(&ended);
  interrupts_disable();
  print("net: ended after %u messages, checksum %x\n", messages, checksum);
  return 0;
}
