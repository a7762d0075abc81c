/** Positions in a recording as people write them. */

/** A place in a recording, before it is looked up. */
export type Position =
  /** So many steps since power-on: the next step to be taken is the one after. */
  | { readonly kind: "step"; readonly step: number }
  /** The end of an epoch, with its inputs delivered. */
  | { readonly kind: "epoch"; readonly epoch: number }
  /** The first moment at which guest time is at least this, in ticks of 100 ns. */
  | { readonly kind: "time"; readonly ticks: number }
  /** The moment at which this text has been put out at the console for the first time. */
  | { readonly kind: "console"; readonly text: string };

/** A text is no position, or the recording has no such position. */
export class PositionError extends Error {
  /** Tells this error from others. */
  override readonly name = "PositionError";
}

/** Factors behind a number of steps: they are counted in tens. */
const STEP_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1e3],
  ["M", 1e6],
  ["G", 1e9],
]);

const TICKS_PER_SECOND = 1e7;

/** Ticks of the units of time. */
const TICKS: ReadonlyMap<string, number> = new Map([
  ["", TICKS_PER_SECOND],
  ["s", TICKS_PER_SECOND],
  ["ms", 1e4],
  ["us", 10],
  ["ticks", 1],
]);

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/** The forms of a position, for help and messages. */
export const positionForms: string =
  "1234567, 500k, 1.5G, epoch:231, time:12.5 (also 80ms, 400us, " +
  "1250000ticks) or console:'text'";

/**
 * The position that a text means.
 *
 * @throws {PositionError} when it means none
 */
export function parsePosition(text: string): Position {
  const [, kind, rest] = /^(?:(step|epoch|time|console):)?(.*)$/s.exec(text)!;
  const position = readers[kind ?? "step"]!(rest!);
  if (position) return position;
  throw new PositionError(
    `Cannot use ${JSON.stringify(text)} as a position: it is ${positionForms}`,
  );
}

/** A position in words, for messages. */
export function positionText(position: Position): string {
  switch (position.kind) {
    case "step":
      return `step ${position.step}`;
    case "epoch":
      return `epoch ${position.epoch}`;
    case "time":
      return `time ${secondsText(position.ticks)} s`;
    case "console":
      return `console output ${JSON.stringify(position.text)}`;
  }
}

/** Ticks as seconds, exactly. */
export function secondsText(ticks: number): string {
  return (ticks / TICKS_PER_SECOND).toFixed(7);
}

const readers: Readonly<Record<string, (text: string) => Position | undefined>> = {
  step(text) {
    const step = scaled(text, STEP_UNITS);
    return step === undefined ? undefined : { kind: "step", step };
  },
  epoch(text) {
    const epoch = scaled(text, new Map([["", 1]]));
    return epoch === undefined ? undefined : { kind: "epoch", epoch };
  },
  time(text) {
    const ticks = scaled(text, TICKS);
    return ticks === undefined ? undefined : { kind: "time", ticks };
  },
  console(text) {
    const [, , quoted] = /^(['"])(.*)\1$/s.exec(text) ?? [];
    const wanted = (quoted ?? text).replaceAll(
      /\\(.)/gs,
      (_, character: string) => ESCAPES.get(character) ?? character,
    );
    return wanted === "" ? undefined : { kind: "console", text: wanted };
  },
};

/** A number with a unit, as a whole number; a fraction must come out whole, or is rounded to the nearest. */
function scaled(text: string, units: ReadonlyMap<string, number>): number | undefined {
  const [, digits, unit] = /^([0-9][0-9_]*(?:\.[0-9]+)?)([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = units.get(unit ?? "");
  if (digits === undefined || factor === undefined) return undefined;
  if (factor === 1 && digits.includes(".")) return undefined;
  const value = Math.round(Number(digits.replaceAll("_", "")) * factor);
  return Number.isSafeInteger(value) ? value : undefined;
}
