/** What the hart sees of the world outside RAM. */

/** The device regions of the board, and the clock that the guest can read. RAM never comes here. */
export interface Bus {
  /** A naturally aligned load; `undefined` is an access fault. The value is unsigned. */
  load(address: number, size: 1 | 2 | 4 | 8): bigint | undefined;
  /** A naturally aligned store of the low `size` bytes; `false` is an access fault. */
  store(address: number, size: 1 | 2 | 4 | 8, value: bigint): boolean;
  /** The `time` CSR, in ticks. */
  time(): bigint;
}
