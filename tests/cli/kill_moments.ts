/** Kills primaries at random moments, and looks at what is left: the same for every kind of stream. */
import { assert, assertEquals } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import { withFolder } from "../host/temporary_folder.ts";

/** How many moments, on each kind of stream. */
export const MOMENTS = 50;

/** The longest that a primary lives after its backup has been started, milliseconds. */
const LONGEST_MILLISECONDS = 900;

/** A primary with its backup, just started. */
export interface Pair extends AsyncDisposable {
  /** Sends SIGKILL to the primary, and answers what it had said by then. */
  kill(): Promise<string>;
  /** Waits for the backup's end. */
  end(): Promise<{ readonly code: number; readonly stderr: string }>;
}

/**
 * Whether a backup may refuse: when the primary had not counted on it yet. A primary counts on a one-way
 * stream as soon as the kernel has it, and its reader may have come too late to see it alive.
 */
export type Excuse = (primarySaid: string, backupSaid: string) => boolean;

/** A two-way stream's: the primary had not said that it is protected. */
export const notProtected: Excuse = (primarySaid) => !/has joined: protected/.test(primarySaid);

/** A one-way stream's: nothing whole had come, or nothing that proves the primary alive. */
export const neverSeenAlive: Excuse = (_primarySaid, backupSaid) =>
  /before a whole snapshot|was never seen alive|does not name this backup/.test(backupSaid);

/** Options for the machine's outside, in `folder`; operations are slow enough to be met under way. */
export function outside(folder: string): readonly string[] {
  return [
    ...["--disk", `${folder}/d.img`, "--bills", `${folder}/bills`],
    ...["--console", `${folder}/console`, "--disk-latency", "2"],
  ];
}

/** Arguments of a primary that runs a short session of the teller. */
export function tellerPrimary(folder: string): readonly string[] {
  const guest = ["teller", "--append", "transfers=40 pace=1", "--ram", "8"];
  return ["primary", ...guest, "--create-disk", "8M", ...outside(folder)];
}

/** Registers the test: each moment is a whole life of a bank. */
export function killAtRandomMoments(
  stream: string,
  excuse: Excuse,
  start: (folder: string) => Promise<Pair>,
): void {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  Deno.test(`kill -9 at ${MOMENTS} random moments leaves a sound bank, over ${stream} (seed ${seed})`, async () => {
    const random = generator(seed);
    const outcomes = { promoted: 0, uncertain: 0, refused: 0, ended: 0 };
    for (let moment = 0; moment < MOMENTS; moment++) {
      const milliseconds = Math.round(random() * LONGEST_MILLISECONDS);
      await withFolder(async (folder) => {
        await using pair = await start(folder);
        await new Promise((resolve) => setTimeout(resolve, milliseconds));
        const said = await pair.kill();
        const { code, stderr } = await pair.end();
        const story = `Moment ${moment}, ${milliseconds} ms\n${said}\n${stderr}`;
        judge(folder, code, excuse(said, stderr), story);
        const promoted = /Promoted: .* (\d+) operations? uncertain/.exec(stderr);
        if (promoted) outcomes.promoted++;
        else if (code === 0) outcomes.ended++;
        else outcomes.refused++;
        if (Number(promoted?.[1] ?? 0) > 0) outcomes.uncertain++;
      });
    }
    // The test would prove nothing if the kills came too early or too late.
    assert(outcomes.promoted > MOMENTS / 5, JSON.stringify(outcomes));
    assert(outcomes.uncertain > 0, JSON.stringify(outcomes));
  });
}

/** A backup that goes on finishes soundly; one that refuses leaves what the primary had made so far. */
function judge(folder: string, code: number, excused: boolean, story: string): void {
  const verdict = verdictOf(folder);
  if (code === 0) {
    assertEquals(verdict, { sound: true, finished: true, findings: [] }, story);
    return;
  }
  assert((code === 67 || code === 68) && excused, `Exit code ${code}\n${story}`);
  if (!/^receipt /m.test(contentOf(folder, "console"))) return;
  assert(verdict.sound, `${JSON.stringify(verdict)}\n${story}`);
}

function contentOf(folder: string, name: string): string {
  return new TextDecoder("latin1").decode(bytesOf(folder, name));
}

function bytesOf(folder: string, name: string): Uint8Array {
  try {
    return Deno.readFileSync(`${folder}/${name}`);
  } catch {
    return new Uint8Array(0); // Killed before it was made.
  }
}

function verdictOf(folder: string) {
  const [disk, bills, console] = ["d.img", "bills", "console"].map((name) => bytesOf(folder, name));
  const verdict = audit({ disk: disk!, bills: bills!, console: console! });
  return { sound: verdict.sound, finished: verdict.finished, findings: verdict.findings };
}

/** Mulberry32: numbers from 0 to below 1, the same for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
