/**
 * Operations and completions: what the machine asks of the outside, and what comes back.
 *
 * A device front (machine state) turns guest requests into numbered operations; the back answers each
 * with one completion (design section 5). Both replicas issue the very same operations, because both
 * run the same instructions.
 */

/** What a device front asks its back to do. Sectors are 512 bytes. */
export type OperationRequest =
  | {
    readonly kind: "disk-read";
    readonly disk: number;
    readonly sector: number;
    readonly sectors: number;
  }
  | {
    readonly kind: "disk-write";
    readonly disk: number;
    readonly sector: number;
    readonly data: Uint8Array;
  }
  | { readonly kind: "disk-flush"; readonly disk: number }
  /** The sectors may be taken from the medium; they read as zeros afterwards. */
  | {
    readonly kind: "disk-unmap";
    readonly disk: number;
    readonly ranges: readonly SectorRange[];
  }
  /** Bytes for the bill port, to be placed at `offset` of the bill file: a repeat is harmless. */
  | { readonly kind: "bill-append"; readonly offset: number; readonly data: Uint8Array }
  /** Random bytes: an environment value that comes by DMA. */
  | { readonly kind: "entropy"; readonly bytes: number };

/** A run of 512-byte sectors. */
export interface SectorRange {
  /** The first sector. */
  readonly sector: number;
  /** Number of sectors. */
  readonly sectors: number;
}

/** The kinds of operation, as they stand in the log. */
export type OperationKind = OperationRequest["kind"];

/** Bytes that a completion of the request brings for guest memory when it is `done`. */
export function bytesBrought(request: OperationRequest): number {
  switch (request.kind) {
    case "disk-read":
      return request.sectors * 512;
    case "entropy":
      return request.bytes;
    default:
      return 0;
  }
}

/** A request with its number: 0, 1, 2, … in order of issue, over the whole life of the machine. */
export interface Operation {
  /** Its place in the order of issue. */
  readonly number: number;
  /** What is to be done. */
  readonly request: OperationRequest;
}

/**
 * How an operation ended.
 *
 * - `done`: performed.
 * - `uncertain`: it may or may not have been performed (paper rule IO2); the driver retries.
 * - `io-error`: the back failed to perform it. `no-space`: it failed because the medium is full.
 */
export type CompletionStatus = "done" | "uncertain" | "io-error" | "no-space";

/** A block of device data for guest memory, at a guest-physical byte address. */
export interface DmaBlock {
  /** Guest-physical address of the first byte. */
  readonly address: number;
  /** The bytes. */
  readonly data: Uint8Array;
}

/** The answer to one operation, delivered at the end of an epoch. */
export interface Completion {
  /** Number of the operation that has ended. */
  readonly operation: number;
  /** How it ended. */
  readonly status: CompletionStatus;
  /**
   * Read data or random bytes, cut into the pieces of the request's scatter list. Empty unless the
   * operation is `done`.
   */
  readonly blocks: readonly DmaBlock[];
}
