/** Digests of machine state. */
import type { GuestMemory } from "./memory.ts";

/** Computes 64-bit digests of a guest memory. */
export class Digester {
  constructor(readonly memory: GuestMemory) {}
  /** Hart block and device state. */
  state(): bigint {
    return 0n;
  }
  /** Numbers and contents of the given RAM pages. */
  pages(_pageNumbers: Iterable<number>): bigint {
    return 0n;
  }
  /** All of RAM. */
  ram(): bigint {
    return 0n;
  }
}
