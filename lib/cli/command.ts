/** Commands, options and operands as data: parsing, `--help` and usage errors all derive from these. */

/** An option. It is also the key under which its value is found. */
export interface Option<Value> {
  /** Long name, without the dashes. */
  readonly name: string;
  /** Short name, without the dash. */
  readonly short?: string;
  /** What its value is called in help; absent on a switch, which takes none. */
  readonly placeholder?: string;
  /** Whether it may be given more than once. */
  readonly repeat?: boolean;
  /** One sentence, without a period. */
  readonly help: string;
  /** Makes a value from its text. @throws {UsageError} saying what to write in its place */
  readonly parse: (text: string) => Value;
}

/** An operand of a command, in order; those that may be left out stand last. */
export interface Operand {
  /** In capitals, as help shows it. */
  readonly name: string;
  /** Whether it may be left out. */
  readonly optional?: boolean;
  /** One sentence, without a period. */
  readonly help: string;
}

/** A command of `lockstep`. */
export interface Command {
  /** What it is called on the command line. */
  readonly name: string;
  /** What must follow its name, in order. */
  readonly operands: readonly Operand[];
  /** One line, without a period. */
  readonly summary: string;
  /** What else a person must know, a paragraph each. */
  readonly details?: readonly string[];
  /** What may follow its name, in any order. */
  readonly options: readonly Option<unknown>[];
  /** Command lines that work. */
  readonly examples?: readonly string[];
  /** Does it, and answers the exit code. */
  readonly run: (given: Arguments) => Promise<number>;
}

/** The arguments of one command, checked. */
export interface Arguments {
  /** The operand of that name. */
  operand(name: string): string;
  /** The operand of that name, or undefined when it was left out. */
  optionalOperand(name: string): string | undefined;
  /** The value of an option, or undefined when it was not given. */
  value<Value>(option: Option<Value>): Value | undefined;
  /** Every value of an option that may be repeated. */
  values<Value>(option: Option<Value>): readonly Value[];
}

/** The command line makes no sense; says what does. */
export class UsageError extends Error {
  /** Tells this error from others. */
  override readonly name = "UsageError";
}

/** A switch: on when given. */
export function flag(name: string, help: string): Option<boolean> {
  return { name, help, parse: () => true };
}

/** An option that takes any text. */
export function textOption(
  name: string,
  placeholder: string,
  help: string,
  more: { readonly short?: string; readonly repeat?: boolean } = {},
): Option<string> {
  return { name, placeholder, help, ...more, parse: (text) => text };
}

/** An option that takes one of a few words. */
export function choiceOption<Word extends string>(
  name: string,
  words: readonly Word[],
  help: string,
): Option<Word> {
  return {
    name,
    placeholder: words.join("|"),
    help,
    parse(text) {
      const word = words.find((candidate) => candidate === text);
      if (word !== undefined) return word;
      throw new UsageError(`--${name} must be ${words.join(" or ")}, not ${JSON.stringify(text)}`);
    },
  };
}

/** An option that takes a whole number within bounds. */
export function numberOption(
  name: string,
  placeholder: string,
  help: string,
  bounds: { readonly least: number; readonly most: number },
): Option<number> {
  return {
    name,
    placeholder,
    help,
    parse(text) {
      const number = /^[0-9][0-9_]*$/.test(text) ? Number(text.replaceAll("_", "")) : NaN;
      if (number >= bounds.least && number <= bounds.most) return number;
      throw new UsageError(
        `--${name} must be a whole number from ${bounds.least} to ${bounds.most}, ` +
          `not ${JSON.stringify(text)}`,
      );
    },
  };
}

/** Factors behind a number of steps: they are counted in tens, unlike bytes. */
const STEP_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["k", 1e3],
  ["M", 1e6],
  ["G", 1e9],
]);

/** An option that takes a number of steps, or with a factor: 500k, 100M, 2G. */
export function stepsOption(name: string, help: string, least: number): Option<number> {
  return {
    name,
    placeholder: "STEPS",
    help,
    parse(text) {
      const [, digits, unit] = /^([0-9][0-9_]*)([kMG]?)$/.exec(text) ?? [];
      const steps = Number(digits?.replaceAll("_", "")) * (STEP_UNITS.get(unit ?? "") ?? NaN);
      if (Number.isSafeInteger(steps) && steps >= least) return steps;
      throw new UsageError(
        `--${name} must be at least ${least} steps, such as 500k, 100M or 2G, ` +
          `not ${JSON.stringify(text)}`,
      );
    },
  };
}

const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["K", 2 ** 10],
  ["M", 2 ** 20],
  ["G", 2 ** 30],
]);

/** An option that takes a size in bytes, or with a unit: 512K, 8M, 1G. */
export function sizeOption(name: string, help: string): Option<number> {
  return {
    name,
    placeholder: "SIZE",
    help,
    parse(text) {
      const [, digits, unit] = /^([0-9]+)([KMG]?)$/.exec(text) ?? [];
      const bytes = Number(digits) * (SIZE_UNITS.get(unit ?? "") ?? NaN);
      if (Number.isSafeInteger(bytes) && bytes > 0) return bytes;
      throw new UsageError(
        `--${name} must be a size such as 512K, 8M or 1G, not ${JSON.stringify(text)}`,
      );
    },
  };
}
