/** Start and snapshots by the size of RAM. */
import { firstLineMilliseconds } from "./footprint.ts";
import { type JoinFigures, measureJoin } from "./join.ts";
import { lockstepCommand } from "./lockstep_command.ts";
import { median } from "./statistics.ts";
import { printTable } from "./text_table.ts";

const RAM_MEBIBYTES = [64, 128, 256, 512, 1024, 2048];
/** What holds something in RAM when a snapshot is taken: as much of all sizes, and a part of each. */
const USED_MEBIBYTES = 32;
const USED_PART = 4;

interface Figures {
  readonly run: number;
  readonly record: number;
  readonly little: JoinFigures;
  readonly part: JoinFigures;
}

/** Measures so many rounds of all sizes and prints a table. */
export async function growthOfRam(rounds: number, folder: string): Promise<void> {
  const found = new Map<number, Figures[]>(RAM_MEBIBYTES.map((ram) => [ram, []]));
  for (let round = 0; round < rounds; round++) {
    for (const ram of RAM_MEBIBYTES) {
      const log = `${folder}/start.log`;
      const guest = ["hello", "--quiet", "--ram", `${ram}`];
      found.get(ram)!.push({
        run: await firstLineMilliseconds(lockstepCommand("run", ...guest)),
        record: await firstLineMilliseconds(lockstepCommand("record", ...guest, "-o", log)),
        little: await measureJoin(ram, USED_MEBIBYTES),
        part: await measureJoin(ram, ram / USED_PART),
      });
      await Deno.remove(log);
    }
  }
  const middle = (ram: number, of: (figures: Figures) => number, digits: number) =>
    median(found.get(ram)!.map(of)).toFixed(digits);
  const parts = `RAM/${USED_PART} used`;
  printTable([
    [
      ...["RAM, MiB", "start, ms", "recording, ms"],
      ...[`pause, ms: ${USED_MEBIBYTES} MiB used`, parts],
      ...[`snapshot, s: ${USED_MEBIBYTES} MiB used`, parts],
    ],
    ...RAM_MEBIBYTES.map((ram) => [
      `${ram}`,
      middle(ram, ({ run }) => run, 0),
      middle(ram, ({ record }) => record, 0),
      middle(ram, ({ little }) => little.pauseMilliseconds, 1),
      middle(ram, ({ part }) => part.pauseMilliseconds, 1),
      middle(ram, ({ little }) => little.seconds, 2),
      middle(ram, ({ part }) => part.seconds, 2),
    ]),
  ]);
}
