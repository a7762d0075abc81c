/**
 * How long a key that is typed at a terminal takes until its echo is there, through the guest `echo`: alone,
 * recorded, and by a primary that waits for its backup's acknowledgement. For comparison, `cat`.
 *
 *     deno task bench keys
 */
import { shellLine } from "../cli/lockstep_process.ts";
import { Terminal } from "../cli/terminal.ts";

const KEYS = 100;
const PAUSE_MILLISECONDS = 20;
const QUIT = "\x01x";

interface Contestant {
  readonly name: string;
  readonly line: string;
  /** What it shows when it can be typed at. */
  readonly ready: RegExp;
}

function contestants(): readonly Contestant[] {
  const arbiter = ["--arbiter", "arbiter"];
  const ready = /Ctrl-A X quits/;
  const primary = shellLine(["primary", "echo", ...arbiter, "-o", "-"]);
  return [
    { name: "cat", line: "sh -c 'stty raw -echo; echo ready; exec cat'", ready: /ready/ },
    { name: "run", line: shellLine(["run", "echo"]), ready },
    { name: "record", line: shellLine(["record", "echo", "-o", "log"]), ready },
    {
      name: "primary | backup",
      line: `sh -c '"$@" | ${
        shellLine(["backup", "-", ...arbiter]).replaceAll("'", "")
      }' - ${primary}`,
      ready: /has joined: protected/,
    },
  ];
}

async function latencies({ line, ready }: Contestant, folder: string): Promise<readonly number[]> {
  await Deno.writeFile(`${folder}/arbiter`, new Uint8Array(0));
  await using terminal = new Terminal(line, folder);
  await terminal.shows(ready);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const found: number[] = [];
  for (let key = 0; key < KEYS; key++) {
    const letter = String.fromCharCode(0x61 + key % 26);
    const before = terminal.seen.length;
    const began = performance.now();
    await terminal.type(letter);
    await terminal.shows(new RegExp(`^[^]{${before}}[^]*${letter}`));
    found.push(performance.now() - began);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
  }
  await terminal.type(QUIT);
  return found.sort((a, b) => a - b);
}

/** Measures all contestants and prints a table. */
export async function benchKeys(): Promise<void> {
  const row = (first: string, ...cells: readonly string[]) =>
    console.log(first.padEnd(18) + cells.map((cell) => cell.padStart(10)).join(""));
  row("echo of a key, ms", "median", "90 %", "longest");
  for (const contestant of contestants()) {
    const folder = await Deno.makeTempDir({ prefix: "lockstep-bench-" });
    try {
      const found = await latencies(contestant, folder);
      const at = (part: number) => found[Math.min(KEYS - 1, Math.floor(KEYS * part))]!.toFixed(2);
      row(contestant.name, at(0.5), at(0.9), at(1));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
}
