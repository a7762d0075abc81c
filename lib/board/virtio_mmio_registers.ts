/** The registers of virtio over MMIO, version 2, and what a slot keeps (virtio 1.2, section 4.2.2). */

/** Most queues of a device on the board. */
export const maximumQueues = 3;

/** What a slot keeps. */
export const mmioFields = {
  status: "byte",
  deviceFeaturesSelect: "word",
  driverFeaturesSelect: "word",
  driverFeaturesLow: "word",
  driverFeaturesHigh: "word",
  queueSelect: "word",
  interruptStatus: "byte",
  /** A reset waits for operations to settle. */
  resetPending: "flag",
  queueSize: ["half", maximumQueues],
  queueReady: ["flag", maximumQueues],
  descriptorsLow: ["word", maximumQueues],
  descriptorsHigh: ["word", maximumQueues],
  availableLow: ["word", maximumQueues],
  availableHigh: ["word", maximumQueues],
  usedLow: ["word", maximumQueues],
  usedHigh: ["word", maximumQueues],
  nextAvailable: ["half", maximumQueues],
  nextUsed: ["half", maximumQueues],
} as const;

const magic = 0x7472_6976;
const vendorId = 0x554d_4551;
const version = 2;

/** Bits of the device status (section 2.1). */
export const mmioStatus = { driverOk: 4, featuresOk: 8, needsReset: 0x40 } as const;
/** Bits of the interrupt status. */
export const mmioInterrupt = { usedBuffer: 1, configuration: 2 } as const;

/** VIRTIO_F_EVENT_IDX. */
export const eventIndices = 1 << 29;

/** With it VIRTIO_F_INDIRECT_DESC (28), and VIRTIO_F_VERSION_1 (32) in the high word. */
export const transportFeatures = { low: 1 << 28 | eventIndices, high: 1 } as const;

/** Where the configuration space of the device begins. */
export const configurationOffset = 0x100;

/** Read-only registers with a fixed value. */
export const mmioConstants: ReadonlyMap<number, number> = new Map([
  [0x000, magic],
  [0x004, version],
  [0x00c, vendorId],
]);

/** Per-queue address registers: offset to field. */
export const queueAddresses: ReadonlyMap<
  number,
  | "descriptorsLow"
  | "descriptorsHigh"
  | "availableLow"
  | "availableHigh"
  | "usedLow"
  | "usedHigh"
> = new Map([
  [0x080, "descriptorsLow"],
  [0x084, "descriptorsHigh"],
  [0x090, "availableLow"],
  [0x094, "availableHigh"],
  [0x0a0, "usedLow"],
  [0x0a4, "usedHigh"],
]);
