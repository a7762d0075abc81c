/** Says each step, with the seconds since the beginning. */

/** Tells a person how far the work is. */
export class Progress {
  readonly #begun = performance.now();

  /** A step begins. */
  step(text: string): void {
    const seconds = (performance.now() - this.#begun) / 1000;
    console.error(`${seconds.toFixed(1).padStart(6)} s  ${text}`);
  }

  /** What a program says while it works. */
  detail(text: string): void {
    if (text.trim() !== "") console.error(`          ${text}`);
  }
}
