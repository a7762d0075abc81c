/**
 * Reads the teller's console: sessions, receipts, and whether they are there as often as they must be.
 *
 * @module
 */

/** What the console tells about the sessions on it. */
export interface Session {
  /** Sequence of the first transfer whose receipt belongs on this console. */
  readonly firstTransfer: number;
  /** Sequences with a receipt that agrees with the journal. */
  readonly receipts: ReadonlySet<number>;
  /** Withdrawals whose bills a cut-off session left uncertain; they need not be in the bill file. */
  readonly uncertain: ReadonlySet<number>;
  /** Sequence at which the last session closed, if it did. */
  readonly closedAt: number | undefined;
  /** The last session closed. */
  readonly finished: boolean;
}

/** Reports something wrong with a receipt or with the console itself. */
export type ReportConsole = (kind: "receipt" | "console", detail: string) => void;

const sessionLine = /^teller: session \d+ continues at transfer (\d+) bill \d+$/;
const closedLine = /^teller: closed at transfer (\d+) bill \d+$/;
const uncertainLine = /^uncertain bills of transfer (\d+), left to the cashier$/;
const receiptStart = /^receipt (\d+) /;
const otherLine = /^(teller: |\[disk\] )[ -~]+$/;

/**
 * Reads a console. `expected` holds the receipt of transfer 1, 2, … by the journal. With `exactlyOnce`
 * each line must be one that the teller prints, and receipts must be in order without repeats; without it
 * a repeated stretch, which may begin and end inside a line, is no finding.
 */
export function readConsole(
  bytes: Uint8Array,
  expected: readonly string[],
  exactlyOnce: boolean,
  report: ReportConsole,
): Session {
  const lines = new TextDecoder("latin1").decode(bytes).split("\n");
  const unended = lines.pop() ?? "";
  const receipts = new Set<number>();
  const uncertain = new Set<number>();
  const strange: string[] = [];
  let firstTransfer: number | undefined;
  let next = 1;
  let closedAt: number | undefined;

  const takeReceipt = (line: string, sequence: number) => {
    if (expected[sequence - 1] !== line) {
      if (!exactlyOnce) strange.push(line);
      else if (sequence > expected.length) {
        report("receipt", `"${line}" is for a transfer that is lost`);
      } else {report(
          "receipt",
          `"${line}" is not what the journal says: "${expected[sequence - 1]}"`,
        );}
      return;
    }
    if (exactlyOnce && sequence < next) {
      report("receipt", `The receipt of transfer ${sequence} is there twice`);
    }
    receipts.add(sequence);
    next = Math.max(next, sequence + 1);
  };
  const takeSession = (start: number) => {
    if (firstTransfer !== undefined && exactlyOnce && start > next) {
      report(
        "receipt",
        `A session continues at transfer ${start}, the receipts before end at ${next - 1}`,
      );
    }
    firstTransfer ??= start;
    /* Receipts of transfers that the session before left open are printed again. */
    next = start;
    closedAt = undefined;
  };

  for (const line of lines) {
    const numberIn = (shape: RegExp) => Number(shape.exec(line)?.[1]);
    if (receiptStart.test(line)) takeReceipt(line, numberIn(receiptStart));
    else if (sessionLine.test(line)) takeSession(numberIn(sessionLine));
    else if (closedLine.test(line)) closedAt = numberIn(closedLine);
    else if (uncertainLine.test(line)) uncertain.add(numberIn(uncertainLine));
    else if (!otherLine.test(line)) strange.push(line);
  }
  if (exactlyOnce) {
    for (const line of strange) {
      report("console", `The teller does not print ${JSON.stringify(line)}`);
    }
    if (closedAt !== undefined && unended !== "") {
      report("console", `There is more after the last line: ${JSON.stringify(unended)}`);
    }
    if (firstTransfer === undefined) report("console", "No session begins on the console");
  } else {
    for (const sequence of repaired(strange, expected, receipts)) receipts.add(sequence);
  }
  return {
    firstTransfer: firstTransfer ?? 1,
    receipts,
    uncertain,
    closedAt,
    finished: closedAt !== undefined,
  };
}

/**
 * Receipts that a repeat cut in two: the old process stopped after the first i characters of a line, and
 * the new one repeats the same line from character j <= i on, in the same line of the terminal.
 */
function repaired(
  strange: readonly string[],
  expected: readonly string[],
  receipts: ReadonlySet<number>,
): number[] {
  const found: number[] = [];
  expected.forEach((receipt, index) => {
    if (receipts.has(index + 1)) return;
    const isCut = (line: string) => {
      const repeated = line.length - receipt.length;
      if (repeated < 0 || repeated > receipt.length) return false;
      for (let stop = repeated; stop <= receipt.length; stop++) {
        if (line === receipt.slice(0, stop) + receipt.slice(stop - repeated)) return true;
      }
      return false;
    };
    if (strange.some(isCut)) found.push(index + 1);
  });
  return found;
}
