/** A file of bytes in memory that grows as it is written. */
export class ByteFile {
  #bytes = new Uint8Array(1024);
  #length = 0;

  write(offset: number, data: Uint8Array): void {
    const end = offset + data.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(data, offset);
    this.#length = Math.max(this.#length, end);
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
