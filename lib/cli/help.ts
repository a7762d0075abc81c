/** `--help`, made from the tables of commands, options and exit codes. */
import { helpOption } from "./arguments.ts";
import type { Command, Option } from "./command.ts";
import { exitCodes } from "./exit_codes.ts";

const WIDTH = 96;

/** Help for all of `lockstep`. */
export function overview(commands: readonly Command[]): string {
  return [
    "Runs a RISC-V guest on machines in lockstep: record it, replay it, and survive a kill -9.",
    "",
    "Usage: lockstep COMMAND [ARGUMENTS]",
    "",
    "Commands:",
    ...columns(commands.map((command) => [command.name, command.summary])),
    "",
    "lockstep COMMAND --help tells more about one; lockstep --version tells the version.",
    "",
    ...exitCodeLines(),
    "",
  ].join("\n");
}

/** Help for one command. */
export function commandHelp(command: Command): string {
  const details = (command.details ?? []).flatMap((text) => ["", ...wrapped(text, WIDTH)]);
  const operands = command.operands.map(({ name, help }): [string, string] => [name, help]);
  const options = [...command.options, helpOption].map((option): [string, string] => [
    optionForm(option),
    option.help + (option.repeat === true ? " (may be repeated)" : ""),
  ]);
  const examples = command.examples ?? [];
  return [
    `${command.summary}.`,
    ...details,
    "",
    ...wrapped(`Usage: ${synopsis(command)}`, WIDTH, "         "),
    ...(operands.length > 0 ? ["", "Operands:", ...columns(operands)] : []),
    "",
    "Options:",
    ...columns(options),
    ...(examples.length > 0 ? ["", "Examples:", ...examples.map((line) => `  ${line}`)] : []),
    "",
  ].join("\n");
}

/** The form of a command line in brief. */
export function synopsis(command: Command): string {
  const operands = command.operands.map(({ name, optional }) => optional ? `[${name}]` : name);
  const options = command.options.map((option) => {
    const dots = option.repeat === true ? " ..." : "";
    const name = option.short === undefined ? `--${option.name}` : `-${option.short}`;
    const value = option.placeholder === undefined ? "" : ` ${option.placeholder}`;
    return `[${name}${value}${dots}]`;
  });
  return ["lockstep", command.name, ...operands, ...options].join(" ");
}

/** What each exit code says. */
function exitCodeLines(): readonly string[] {
  return ["Exit codes:", ...columns(exitCodes.map(({ code, meaning }) => [code, meaning]))];
}

function optionForm(option: Option<unknown>): string {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const value = option.placeholder === undefined ? "" : ` ${option.placeholder}`;
  return `${short}--${option.name}${value}`;
}

/** Two columns; the second is wrapped. */
function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const left = Math.min(28, Math.max(...rows.map(([name]) => name.length))) + 4;
  return rows.flatMap(([name, text]) => {
    const [first = "", ...rest] = wrapped(text, WIDTH - left);
    const head = `  ${name}`;
    const lines = rest.map((line) => " ".repeat(left) + line);
    return head.length < left
      ? [head.padEnd(left) + first, ...lines]
      : [head, " ".repeat(left) + first, ...lines];
  });
}

function wrapped(text: string, width: number, indent = ""): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
    }
    line = line.trim() === "" ? line + word : `${line} ${word}`;
  }
  return [...lines, line];
}
