/** Which form of report a command line asks for. */
import type { Arguments } from "./command.ts";
import { notesOption, quietOption } from "./machine_options.ts";
import { Reporter } from "./reporter.ts";

/**
 * The reporter of a machine's process.
 *
 * @param beside Whether another process of ours is at the same terminal, which has the status line.
 */
export function reporterFor(given: Arguments, beside = false): Reporter {
  if (given.value(notesOption) === "json") return new Reporter("json", Deno.stderr);
  const watched = Deno.stderr.isTerminal() && given.value(quietOption) !== true && !beside;
  return new Reporter(watched ? "terminal" : "lines", Deno.stderr);
}
