/** A bar that shows how far a long piece of work has come, on a terminal only. */
import type { ReportOutput } from "./reporter.ts";

const WIDTH = 30;
const MILLISECONDS = 100;
const ERASE_LINE = "\r\x1b[K";

/** The part of standard error that a bar is drawn on. */
export interface BarOutput extends ReportOutput {
  /** Whether anybody watches. */
  isTerminal(): boolean;
}

/** Draws one line over and over. Elsewhere than on a terminal it draws nothing. */
export class ProgressBar {
  readonly #output: BarOutput;
  #shownAt = -Infinity;
  #isShown = false;

  /** Nothing is drawn yet. */
  constructor(output: BarOutput) {
    this.#output = output;
  }

  /** Shows that `part` (0 to 1) is done; `text` says what. A call soon after another draws nothing. */
  show(part: number, text: string): void {
    const now = performance.now();
    if (!this.#output.isTerminal() || now - this.#shownAt < MILLISECONDS) return;
    this.#shownAt = now;
    this.#isShown = true;
    this.#write(`${ERASE_LINE}${barText(part)} ${text}`);
  }

  /** Takes the bar away, so that a line can be written. */
  hide(): void {
    if (this.#isShown) this.#write(ERASE_LINE);
    this.#isShown = false;
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let done = 0; done < bytes.length;) done += this.#output.writeSync(bytes.subarray(done));
  }
}

/** A bar of so many parts. */
export function barText(part: number): string {
  const done = Math.round(Math.min(1, Math.max(0, part)) * WIDTH);
  const percent = Math.floor(part * 100);
  return `[${"#".repeat(done)}${"-".repeat(WIDTH - done)}] ${String(percent).padStart(3)} %`;
}
