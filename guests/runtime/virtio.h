/*
 * Virtio over MMIO, version 2, with split virtqueues (virtio 1.1, sections 4.2 and 2.6). A driver hands
 * out descriptors itself: queue slots are fixed groups of descriptors, one group a request.
 */
#pragma once

#include "types.h"

enum { VIRTQUEUE_SIZE = 64 };
enum { VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_ENTROPY = 4, VIRTIO_ID_SCSI = 8 };
enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_DEVICE_WRITES = 2 };

struct virtqueue_descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};

struct virtqueue {
  struct virtqueue_descriptor descriptors[VIRTQUEUE_SIZE] __attribute__((aligned(16)));
  struct {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[VIRTQUEUE_SIZE];
  } available __attribute__((aligned(2)));
  struct {
    uint16_t flags;
    volatile uint16_t index;
    struct {
      uint32_t id;
      uint32_t length;
    } ring[VIRTQUEUE_SIZE];
  } used __attribute__((aligned(4)));
  uint16_t used_seen;
  uint32_t number;
  uintptr_t device;
};

/* The register block of the first device with this id, reset and acknowledged, with those of the features
 * (bits 0 to 31) accepted that it offers; 0 when there is none. */
uintptr_t virtio_find(uint32_t device_id, uint32_t features);

/* A word of its configuration space. */
uint32_t virtio_configuration(uintptr_t device, uint32_t offset);

/* Its interrupt source at the PLIC. */
uint32_t virtio_interrupt(uintptr_t device);

/* Queues are set up between virtio_find and virtio_ready. */
void virtqueue_set_up(struct virtqueue *queue, uintptr_t device, uint32_t number);
void virtio_ready(uintptr_t device);

/* Makes the chain that starts at descriptor `head` available; virtqueue_notify tells the device. */
void virtqueue_offer(struct virtqueue *queue, uint16_t head);
void virtqueue_notify(struct virtqueue *queue);

/* The head of a chain that the device has returned, or -1. */
int virtqueue_take_used(struct virtqueue *queue);

/* To be called first in the device's interrupt handler. */
void virtio_acknowledge(uintptr_t device);
