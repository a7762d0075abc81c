/** `lockstep run`: a machine on its own, without a log. */
import type { Arguments, Command } from "./command.ts";
import { seeThrough } from "./live_session.ts";
import { bootOptions, guestOperand } from "./machine_options.ts";
import { powerOn } from "./power_on.ts";
import { reporterFor } from "./report_form.ts";

async function run(given: Arguments): Promise<number> {
  const reporter = reporterFor(given);
  const machine = await powerOn(given, reporter, { channel: "stdout" });
  const session = { ...machine, term: 1, alone: true, typedAt: "standard-input" as const };
  return await seeThrough(session, reporter, () => machine.live.run());
}

/** Runs a guest. */
export const runCommand: Command = {
  name: "run",
  operands: [guestOperand],
  summary: "Run a guest without a log",
  details: [
    "Standard input is the guest's console. At a terminal every key is the guest's, also Ctrl-C; " +
    "Ctrl-A X stops the machine, with exit code 0, as SIGTERM does, and Ctrl-A H helps.",
  ],
  options: bootOptions,
  examples: [
    "lockstep run hello",
    "lockstep run teller --disk d.img --create-disk 8M --bills bills.txt",
  ],
  run,
};
