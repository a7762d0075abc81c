/* As much of ARP (RFC 826), IPv4 (RFC 791), ICMP echo (RFC 792) and UDP (RFC 768) as the guest speaks. */
#pragma once

#include "ethernet.h"
#include "types.h"

enum { PAYLOAD_BYTES = 1472 };

/* Called for each UDP datagram to this station, whatever its port. */
typedef void (*datagram_handler)(const uint8_t *payload, size_t size);

/* The station is 10.77.0.LAST. False when there is no network device. */
bool station_open(datagram_handler handler);

/* Last byte of the station's own IP address: that of its MAC address. */
uint8_t station_number(void);

/* Sends a datagram to whoever sent the last one. */
void station_reply(const void *payload, size_t size);

/* Sends a datagram to 10.77.0.`number`, or asks for its MAC address when that is not known yet. */
void station_send(uint8_t number, const void *payload, size_t size);

static inline uint64_t get_big_endian(const uint8_t *bytes, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; i++) value = value << 8 | bytes[i];
  return value;
}

static inline void put_big_endian(uint8_t *bytes, size_t size, uint64_t value) {
  for (size_t i = size; i-- > 0; value >>= 8) bytes[i] = (uint8_t)value;
}
