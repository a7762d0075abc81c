/** The log by what a guest does with its devices. */
import { lockstepCommand } from "./lockstep_command.ts";
import { epochBytes, type LogContents, logContents } from "./log_contents.ts";
import { printTable } from "./text_table.ts";

/** A guest and words for its recording; disks are made in the folder. */
interface Load {
  readonly title: string;
  readonly words: (folder: string) => readonly string[];
}

const made = ["--create-disk", "8M"];
const mixed = (rounds: number): Load => ({
  title: `mixed, ${rounds} rounds: random bytes, writes, flushes`,
  words: (folder) => [
    ...["mixed", "--append", `rounds=${rounds}`, "--rng", ...made],
    ...["--disk", `${folder}/scsi.img`, "--disk", `${folder}/blk.img,bus=blk`],
  ],
});
const teller = (transfers: number): Load => ({
  title: `teller, ${transfers} transfers: small writes and bills`,
  words: (folder) => [
    ...["teller", "--append", `transfers=${transfers} pace=0`, ...made],
    ...["--disk", `${folder}/bank.img`, "--bills", `${folder}/bills`],
  ],
});
const loads: readonly Load[] = [
  { title: "bench: computes", words: () => ["bench", "--append", "scale=25"] },
  { title: "clock: 200 timer interrupts", words: () => ["clock", "--append", "ticks=200"] },
  ...[64, 256, 1024].map(mixed),
  ...[50, 200, 800].map(teller),
];

/** Records all loads and prints a table. */
export async function growthOfIo(folder: string): Promise<void> {
  const rows: string[][] = [];
  for (const { title, words } of loads) {
    const path = await Deno.makeTempDir({ dir: folder });
    const log = `${path}/io.log`;
    await recorded([...words(path), "--quiet", "-o", log]);
    rows.push([title, ...cells(await logContents(log))]);
    await Deno.remove(path, { recursive: true });
  }
  printTable([
    [
      ...["guest", "M steps", "epochs", "completions", "input kB", "log kB"],
      ...["bytes/1,000 steps", "bytes/completion"],
    ],
    ...rows,
  ]);
}

function cells(contents: LogContents): readonly string[] {
  const { figures: { steps, busy, idle }, completions, inputBytes } = contents;
  const bytes = epochBytes(contents);
  return [
    (steps / 1e6).toFixed(1),
    `${busy.epochs + idle.epochs}`,
    `${completions}`,
    (inputBytes / 1e3).toFixed(1),
    (bytes / 1e3).toFixed(1),
    (1e3 * bytes / steps).toFixed(2),
    completions === 0 ? "" : (bytes / completions).toFixed(0),
  ];
}

async function recorded(words: readonly string[]): Promise<void> {
  const [program, ...args] = lockstepCommand("record", ...words);
  const { code, stderr } = await new Deno.Command(program, {
    ...{ args, stdin: "null", stdout: "null", stderr: "piped" },
  }).output();
  if (code === 0) return;
  const told = new TextDecoder().decode(stderr);
  throw new Error(`Recording ${words[0]} failed with exit code ${code}\n${told}`);
}
