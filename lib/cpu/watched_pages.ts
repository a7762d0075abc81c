/**
 * For pages with watched bytes the part that has all of them, so that an access to such a page is seldom looked
 * at. It is packed as a TLB entry has it: the first byte, and shifted by {@linkcode PART_END_SHIFT} the byte
 * behind the last one, both counted from the start of the page.
 */
import { PAGE_BYTES, PART_END_SHIFT } from "./layout.ts";

const START_MASK = (1 << PART_END_SHIFT) - 1;

/** Watched parts, by a page's number in some address space. */
export class WatchedPages<Page> {
  readonly #parts = new Map<Page, number>();

  /** The smallest part that has two, each of which may be 0 for none. */
  static both(one: number, other: number): number {
    if (one === 0 || other === 0) return one | other;
    const start = Math.min(one & START_MASK, other & START_MASK);
    return start | Math.max(one >>> PART_END_SHIFT, other >>> PART_END_SHIFT) << PART_END_SHIFT;
  }

  /** Whether the bytes from `start` to before `end` are none of a part. */
  static isBeside(part: number, start: number, end: number): boolean {
    return end <= (part & START_MASK) || start >= part >>> PART_END_SHIFT;
  }

  /** The pages. */
  get pages(): Iterable<Page> {
    return this.#parts.keys();
  }

  /** The watched part of a page; 0 for none. */
  partOf(page: Page): number {
    return this.#parts.get(page) ?? 0;
  }

  /**
   * Adds bytes.
   *
   * @param within Where in the first page they begin.
   * @param numbered The page so many pages behind the first one.
   */
  add(within: number, length: number, numbered: (page: number) => Page): void {
    const end = within + length;
    for (let at = within; at < end;) {
      const index = Math.floor(at / PAGE_BYTES);
      const stop = Math.min(end, (index + 1) * PAGE_BYTES);
      const part = at - index * PAGE_BYTES | stop - index * PAGE_BYTES << PART_END_SHIFT;
      const page = numbered(index);
      this.#parts.set(page, WatchedPages.both(this.partOf(page), part));
      at = stop;
    }
  }

  /** Removes all. */
  clear(): void {
    this.#parts.clear();
  }
}
