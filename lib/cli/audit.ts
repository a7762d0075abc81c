/** `lockstep audit`: the teller's auditor, over files. */
import { audit, renderVerdict } from "../../guests/teller/auditor.ts";
import { errorText, HostFileError } from "../host/fault.ts";
import { type Arguments, type Command, flag } from "./command.ts";
import { writeText } from "./reporter.ts";

const repeatedOption = flag(
  "console-may-repeat",
  "The console was a terminal or pipe, where the last lines may appear again after a failover",
);

async function auditRun(given: Arguments): Promise<number> {
  const [disk, bills, console] = await Promise.all(
    ["DISK", "BILLS", "CONSOLE"].map((operand) => evidence(given.operand(operand))),
  );
  const verdict = audit({
    disk: disk!,
    bills: bills!,
    console: console!,
    consoleExactlyOnce: given.value(repeatedOption) !== true,
  });
  await writeText(Deno.stdout, `${renderVerdict(verdict).join("\n")}\n`);
  return verdict.sound ? 0 : 1;
}

async function evidence(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new HostFileError(path, `Cannot read ${path}: ${errorText(error)}`, { cause: error });
  }
}

/** Audits the teller's bank. */
export const auditCommand: Command = {
  name: "audit",
  operands: [
    { name: "DISK", help: "The teller's disk image" },
    { name: "BILLS", help: "Its bill file" },
    { name: "CONSOLE", help: "Its console file" },
  ],
  summary: "Prove from the teller's files that no money was made or lost",
  details: ["Exit code 0 when everything is in order, 1 when something was found."],
  options: [repeatedOption],
  examples: ["lockstep audit d.img bills.txt console.txt"],
  run: auditRun,
};
