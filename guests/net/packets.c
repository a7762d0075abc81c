#include "packets.h"

#include "memory.h"

enum { TYPE = 12, BODY = 14, TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806 };
enum { ARP_BYTES = 28, ARP_REQUEST = 1, ARP_REPLY = 2 };
enum { IP_BYTES = 20, PROTOCOL_ICMP = 1, PROTOCOL_UDP = 17, TIME_TO_LIVE = 64 };
enum { ICMP_BYTES = 8, ECHO_REPLY = 0, ECHO_REQUEST = 8, UDP_BYTES = 8, PORT = 7000 };

static const uint8_t everyone[ETHERNET_ADDRESS_BYTES] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t network[3] = {10, 77, 0};

static datagram_handler handle;
static uint8_t frame_out[ETHERNET_FRAME_BYTES];
static uint8_t number;

/* The correspondent: whoever has been asked for, or has sent the last datagram. */
static uint8_t peer_address[ETHERNET_ADDRESS_BYTES];
static uint8_t peer_ip[4];
static uint16_t peer_port;
static bool peer_known;

/* The internet checksum (RFC 1071). */
static uint16_t checksum(const uint8_t *bytes, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; i++) sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)~sum;
}

static uint8_t *begin(const uint8_t *to, uint16_t type) {
  memset(frame_out, 0, sizeof frame_out);
  memcpy(frame_out, to, ETHERNET_ADDRESS_BYTES);
  memcpy(frame_out + 6, ethernet_address(), ETHERNET_ADDRESS_BYTES);
  put_big_endian(frame_out + TYPE, 2, type);
  return frame_out + BODY;
}

static void finish(size_t body_bytes) {
  /* Padding is for cables: passt drops padded frames, as their length is not that of their datagram. */
  ethernet_send(frame_out, BODY + body_bytes);
}

static void put_own_ip(uint8_t *ip) {
  memcpy(ip, network, sizeof network);
  ip[3] = number;
}

static bool is_own_ip(const uint8_t *ip) {
  return memcmp(ip, network, sizeof network) == 0 && ip[3] == number;
}

static void send_arp(uint16_t operation, const uint8_t *to, const uint8_t *target_ip) {
  uint8_t *arp = begin(to, TYPE_ARP);
  put_big_endian(arp, 6, 0x000108000604); /* Ethernet and IPv4 addresses */
  put_big_endian(arp + 6, 2, operation);
  memcpy(arp + 8, ethernet_address(), ETHERNET_ADDRESS_BYTES);
  put_own_ip(arp + 14);
  if (operation == ARP_REPLY) memcpy(arp + 18, to, ETHERNET_ADDRESS_BYTES);
  memcpy(arp + 24, target_ip, 4);
  finish(ARP_BYTES);
}

static void on_arp(const uint8_t *arp, size_t size) {
  if (size < ARP_BYTES || !is_own_ip(arp + 24)) return;
  uint64_t operation = get_big_endian(arp + 6, 2);
  if (operation == ARP_REQUEST) send_arp(ARP_REPLY, arp + 8, arp + 14);
  if (operation == ARP_REPLY && memcmp(arp + 14, peer_ip, 4) == 0) {
    memcpy(peer_address, arp + 8, ETHERNET_ADDRESS_BYTES);
    peer_known = true;
  }
}

static uint8_t *begin_ip(const uint8_t *to, const uint8_t *ip, uint8_t protocol, size_t bytes) {
  uint8_t *header = begin(to, TYPE_IPV4);
  header[0] = 0x45;
  put_big_endian(header + 2, 2, IP_BYTES + bytes);
  header[8] = TIME_TO_LIVE;
  header[9] = protocol;
  put_own_ip(header + 12);
  memcpy(header + 16, ip, 4);
  put_big_endian(header + 10, 2, checksum(header, IP_BYTES));
  return header + IP_BYTES;
}

static void send_datagram(const void *payload, size_t size) {
  uint8_t *udp = begin_ip(peer_address, peer_ip, PROTOCOL_UDP, UDP_BYTES + size);
  put_big_endian(udp, 2, PORT);
  put_big_endian(udp + 2, 2, peer_port);
  put_big_endian(udp + 4, 2, UDP_BYTES + size);
  memcpy(udp + UDP_BYTES, payload, size);
  finish(IP_BYTES + UDP_BYTES + size);
}

static void on_echo(const uint8_t *frame, const uint8_t *ip, const uint8_t *icmp, size_t size) {
  if (size < ICMP_BYTES || icmp[0] != ECHO_REQUEST) return;
  uint8_t *reply = begin_ip(frame + 6, ip + 12, PROTOCOL_ICMP, size);
  memcpy(reply, icmp, size);
  reply[0] = ECHO_REPLY;
  put_big_endian(reply + 2, 2, 0);
  put_big_endian(reply + 2, 2, checksum(reply, size));
  finish(IP_BYTES + size);
}

static void on_udp(const uint8_t *frame, const uint8_t *ip, const uint8_t *udp, size_t size) {
  if (size < UDP_BYTES) return;
  uint64_t length = get_big_endian(udp + 4, 2);
  if (length < UDP_BYTES || length > size) return;
  memcpy(peer_address, frame + 6, ETHERNET_ADDRESS_BYTES);
  memcpy(peer_ip, ip + 12, 4);
  peer_port = (uint16_t)get_big_endian(udp, 2);
  peer_known = true;
  handle(udp + UDP_BYTES, length - UDP_BYTES);
}

static void on_ip(const uint8_t *frame, const uint8_t *ip, size_t size) {
  /* Without options and fragments. */
  if (size < IP_BYTES || ip[0] != 0x45 || (get_big_endian(ip + 6, 2) & 0x3fff) != 0) return;
  uint64_t length = get_big_endian(ip + 2, 2);
  if (length < IP_BYTES || length > size || !is_own_ip(ip + 16)) return;
  if (checksum(ip, IP_BYTES) != 0) return;
  if (ip[9] == PROTOCOL_ICMP) on_echo(frame, ip, ip + IP_BYTES, length - IP_BYTES);
  if (ip[9] == PROTOCOL_UDP) on_udp(frame, ip, ip + IP_BYTES, length - IP_BYTES);
}

static void on_frame(const uint8_t *frame, size_t size) {
  if (size < BODY) return;
  bool mine = memcmp(frame, ethernet_address(), ETHERNET_ADDRESS_BYTES) == 0;
  if (!mine && memcmp(frame, everyone, ETHERNET_ADDRESS_BYTES) != 0) return;
  uint64_t type = get_big_endian(frame + TYPE, 2);
  if (type == TYPE_ARP) on_arp(frame + BODY, size - BODY);
  if (type == TYPE_IPV4) on_ip(frame, frame + BODY, size - BODY);
}

bool station_open(datagram_handler handler) {
  handle = handler;
  if (!ethernet_open(on_frame)) return false;
  number = ethernet_address()[5];
  return true;
}

uint8_t station_number(void) {
  return number;
}

void station_reply(const void *payload, size_t size) {
  send_datagram(payload, size);
}

void station_send(uint8_t to, const void *payload, size_t size) {
  memcpy(peer_ip, network, sizeof network);
  peer_ip[3] = to;
  peer_port = PORT;
  if (peer_known) send_datagram(payload, size);
  else send_arp(ARP_REQUEST, everyone, peer_ip);
}
