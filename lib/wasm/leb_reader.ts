/** Reads the numbers of a WebAssembly module that was made here, and so is sound. */
export class LebReader {
  /** The bytes from `at` to `end`. */
  constructor(
    readonly bytes: Uint8Array,
    public at: number,
    readonly end: number = bytes.length,
  ) {}

  /** Whether all is read. */
  get atEnd(): boolean {
    return this.at >= this.end;
  }

  /** The next byte. */
  byte(): number {
    return this.bytes[this.at++]!;
  }

  /** An unsigned number below 2^32. */
  unsigned(): number {
    return Number(BigInt.asUintN(32, this.signed(false)));
  }

  /** A number of up to 64 bits, in two's complement unless `extended` says no. */
  signed(extended = true): bigint {
    let value = 0n;
    let shift = 0n;
    for (;;) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      shift += 7n;
      if ((byte & 0x80) !== 0) continue;
      return extended && (byte & 0x40) !== 0 ? value - (1n << shift) : value;
    }
  }

  /** As many items as it says. */
  list<Item>(item: () => Item): Item[] {
    return Array.from({ length: this.unsigned() }, item);
  }

  /** A name. */
  text(): string {
    const bytes = this.list(() => this.byte());
    return String.fromCharCode(...bytes);
  }
}
