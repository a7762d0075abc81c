/**
 * Bills as the teller pays them through the bill port; the format is described in `bills.h`.
 *
 * @module
 */

/** Length of one bill in the bill file, in bytes. */
export const billBytes = 40;

const denominations = [100, 50, 20, 10] as const;

/** One bill. */
export interface Bill {
  /** 1, 2, 3, … over all sessions. */
  readonly number: number;
  /** 100, 50, 20 or 10. */
  readonly value: number;
  /** Sequence of the withdrawal that it belongs to. */
  readonly transfer: number;
}

/** The fewest bills that make `amount` (a multiple of 10), larger ones first. */
export function billValues(amount: number): number[] {
  const values: number[] = [];
  let left = amount;
  for (const value of denominations) {
    for (; left >= value; left -= value) values.push(value);
  }
  return values;
}

/** The bill's line in the bill file, with its newline: {@linkcode billBytes} characters. */
export function billLine({ number, value, transfer }: Bill): string {
  const padded = (field: number, width: number) => String(field).padStart(width, "0");
  return `bill ${padded(number, 7)} value ${padded(value, 3)} transfer ${padded(transfer, 7)}\n`;
}

/** Reads one line of a bill file; nothing when it is not a bill. */
export function parseBill(line: string): Bill | undefined {
  const match = /^bill (\d{7}) value (\d{3}) transfer (\d{7})\n$/.exec(line);
  if (match === null) return undefined;
  return { number: Number(match[1]), value: Number(match[2]), transfer: Number(match[3]) };
}
