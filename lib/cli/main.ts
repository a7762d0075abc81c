/** The command line: finds the command, runs it, and turns what happens into an exit code. */
import { parseArguments } from "./arguments.ts";
import { type Command, UsageError } from "./command.ts";
import { commands, innerCommands } from "./commands.ts";
import { ExitCode } from "./exit_codes.ts";
import { failureOf } from "./failure.ts";
import { commandHelp, overview } from "./help.ts";
import { writeText } from "./reporter.ts";
import { chooseEngine } from "../cpu/engine.ts";
import { engineOption } from "./machine_options.ts";
import { version } from "./version.ts";

/**
 * Runs a command line.
 *
 * @param words What follows `lockstep`.
 * @returns The exit code; every failure has been told in one line on standard error.
 */
export async function main(words: readonly string[]): Promise<number> {
  try {
    return await dispatch(words);
  } catch (error) {
    const { code, line } = failureOf(error);
    if (line !== undefined) await writeText(Deno.stderr, `lockstep: ${line}\n`);
    if (traceWanted() && error instanceof Error) {
      await writeText(Deno.stderr, `${error.stack ?? error.message}\n`);
    }
    return code;
  }
}

async function dispatch(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined) {
    throw new UsageError("A command is missing; lockstep --help shows them");
  }
  if (name === "--version" || name === "version") {
    return await tell(`lockstep ${version()}\n`);
  }
  if (name === "--help" || name === "-h" || name === "help") {
    const about = commands.find((command) => command.name === rest[0]);
    return await tell(about ? commandHelp(about) : overview(commands));
  }
  const command = [...commands, ...innerCommands].find((candidate) => candidate.name === name);
  if (!command) {
    throw new UsageError(`There is no command ${JSON.stringify(name)}; lockstep --help shows them`);
  }
  const given = withHint(command, () => parseArguments(command, rest));
  if (given === "help") return await tell(commandHelp(command));
  if (command.options.includes(engineOption)) {
    const engine = given.value(engineOption);
    if (engine !== undefined) chooseEngine({ engine });
  }
  return await command.run(given);
}

function withHint<Value>(command: Command, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`${error.message}; see lockstep ${command.name} --help`);
  }
}

async function tell(text: string): Promise<number> {
  await writeText(Deno.stdout, text);
  return ExitCode.done;
}

/** Stack traces are for those who ask, and may read the environment. */
function traceWanted(): boolean {
  try {
    return Deno.env.get("LOCKSTEP_TRACE") === "1";
  } catch {
    return false;
  }
}
