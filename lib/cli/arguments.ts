/** From the words of a command line to a command's checked arguments. */
import { type Arguments, type Command, type Option, UsageError } from "./command.ts";
import { parseArgs } from "./parse_args.ts";

/** Every command has this one. */
export const helpOption: Option<boolean> = {
  name: "help",
  short: "h",
  help: "Show this help",
  parse: () => true,
};

/**
 * Parses what follows the command's name.
 *
 * @returns The arguments, or "help" when help is asked for.
 * @throws {UsageError} saying which argument is wrong, and what is right
 */
export function parseArguments(command: Command, words: readonly string[]): Arguments | "help" {
  const options: readonly Option<unknown>[] = [...command.options, helpOption];
  const withValue = options.filter((option) => option.placeholder !== undefined);
  const shorts = options.filter((option) => option.short !== undefined);
  const parsed = parseArgs(joined(words, withValue), {
    string: [...withValue.map((option) => option.name), "_"],
    boolean: options.filter((option) => option.placeholder === undefined).map(({ name }) => name),
    alias: Object.fromEntries(shorts.map(({ name, short }) => [name, short!])),
    collect: withValue.map((option) => option.name),
    unknown(argument, key) {
      if (key === undefined) return true;
      throw new UsageError(`There is no option ${argument.split("=")[0]}`);
    },
  });
  if (parsed[helpOption.name] === true) return "help";
  const operands = parsed._.map(String);
  checkOperands(command, operands);
  const values = new Map<Option<unknown>, unknown[]>();
  for (const option of options) values.set(option, valuesOf(option, parsed[option.name]));
  const optionalOperand = (name: string) =>
    operands[command.operands.findIndex((operand) => operand.name === name)];
  return {
    optionalOperand,
    operand(name) {
      const value = optionalOperand(name);
      if (value === undefined) throw new Error(`${command.name} has no operand ${name}`);
      return value;
    },
    value<Value>(option: Option<Value>): Value | undefined {
      return listOf(values, option)[0];
    },
    values<Value>(option: Option<Value>): readonly Value[] {
      return listOf(values, option);
    },
  };
}

/** `parseArgs` takes no lone dash, and nothing, for the value of a long option; `--to=-` it takes. */
function joined(
  words: readonly string[],
  withValue: readonly Option<unknown>[],
): readonly string[] {
  const end = words.indexOf("--");
  const result: string[] = [];
  for (const [index, word] of words.entries()) {
    const before = words[index - 1]?.slice(2);
    const takesIt = (word === "-" || word === "") && words[index - 1]?.startsWith("--") === true &&
      (end < 0 || index < end) && withValue.some(({ name }) => name === before);
    if (takesIt) result[result.length - 1] += `=${word}`;
    else result.push(word);
  }
  return result;
}

/** An option's values were made by its own `parse`, so they have its type. */
function listOf<Value>(
  values: ReadonlyMap<Option<unknown>, unknown[]>,
  option: Option<Value>,
): readonly Value[] {
  const list = values.get(option);
  if (list === undefined) throw new Error(`Option --${option.name} is not the command's`);
  return list as Value[];
}

function valuesOf(option: Option<unknown>, given: unknown): unknown[] {
  if (option.placeholder === undefined) return given === true ? [true] : [];
  const texts = (given ?? []) as readonly string[];
  const written = option.short === undefined ? `--${option.name}` : `-${option.short}`;
  if (texts.includes("")) throw new UsageError(`${written} needs a value: ${option.placeholder}`);
  if (texts.length > 1 && option.repeat !== true) {
    throw new UsageError(`${written} can be given only once`);
  }
  return texts.map((text) => option.parse(text));
}

function checkOperands(command: Command, operands: readonly string[]): void {
  const missing = command.operands[operands.length];
  if (missing !== undefined && missing.optional !== true) {
    throw new UsageError(`${missing.name} is missing: ${missing.help}`);
  }
  const surplus = operands[command.operands.length];
  if (surplus !== undefined) {
    throw new UsageError(`Do not know what to do with ${JSON.stringify(surplus)}`);
  }
}
