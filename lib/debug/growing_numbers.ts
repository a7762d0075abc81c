/** A list of numbers that grows: 8 bytes for each, so that one for every epoch of a long log is affordable. */

/** Numbers by index, appended one by one. */
export class GrowingNumbers {
  #values = new Float64Array(1024);
  #length = 0;

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** All of them, as they stand. */
  get values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }

  /** Appends one. */
  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(2 * this.#length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length++] = value;
  }

  /** The number at `index`. */
  at(index: number): number {
    if (index < 0 || index >= this.#length) {
      throw new RangeError(`There is no number ${index} of ${this.#length}`);
    }
    return this.#values[index]!;
  }

  /** In ascending numbers: how many are at most `value`. */
  countUpTo(value: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#values[middle]! <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
