/** Pages of RAM that have changed since some moment, over any number of epochs. */
export class ChangedPages {
  readonly #isThere: Uint8Array;
  #pages: number[] = [];

  /** None yet. */
  constructor(ramPages: number) {
    this.#isThere = new Uint8Array(ramPages);
  }

  /** Adds some. */
  add(pages: Iterable<number>): void {
    for (const page of pages) {
      if (this.#isThere[page] !== 0) continue;
      this.#isThere[page] = 1;
      this.#pages.push(page);
    }
  }

  /** How many there are. */
  get size(): number {
    return this.#pages.length;
  }

  /** Them, in no order. */
  get pages(): readonly number[] {
    return this.#pages;
  }

  /** Forgets all. */
  clear(): void {
    for (const page of this.#pages) this.#isThere[page] = 0;
    this.#pages = [];
  }
}
