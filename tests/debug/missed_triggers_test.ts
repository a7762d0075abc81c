/** At full speed no trigger is missed, and none invented: what is told is what decoding each step by itself finds. */
import { assert, assertEquals } from "@std/assert";
import { chooseEngine, DEFAULT_ENGINE, engineNames } from "../../lib/cpu/engine.ts";
import type { Trigger } from "../../lib/cpu/triggers.ts";
import { instructionAt } from "../../lib/debug/next_instruction.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { decode } from "../../lib/isa/decoder.ts";
import { Seeded } from "../epoch/seeded.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { freshOptions, guestCases } from "../replay/guest_cases.ts";
import { recordGuest } from "../replay/recording.ts";

const WINDOW_STEPS = 6000;

/** What an instruction is going to access, if it does not trap. */
interface Accessed {
  readonly kinds: readonly string[];
  readonly address: bigint;
  readonly width: number;
}

/** What a step did: a breakpoint at `pc` and the access are told of with it. */
interface Did {
  readonly step: number;
  readonly pc: bigint;
  readonly accessed: Accessed | undefined;
}

const WIDTHS: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, d: 8 };

function accessOf(bits: number, registers: readonly bigint[]): Accessed | undefined {
  const { instruction: { name }, rs1, imm } = decode(bits);
  const base = registerOf(registers, rs1);
  const [, operation, size] = /^(amo\w+|lr|sc)\.([wd])/.exec(name) ?? [];
  if (operation !== undefined) {
    const kinds = operation === "lr"
      ? ["load"]
      : operation === "sc"
      ? ["store"]
      : ["load", "store"];
    return { kinds: [...kinds, "access"], address: base, width: WIDTHS[size!]! };
  }
  const [, way, width] = /^f?([ls])([bhwd])u?$/.exec(name) ?? [];
  if (way === undefined) return undefined;
  const address = BigInt.asUintN(64, base + BigInt(imm));
  return { kinds: [way === "l" ? "load" : "store", "access"], address, width: WIDTHS[width!]! };
}

/** Decodes each step of a window by itself, with nothing armed. */
async function observed(timeline: Timeline, from: number, to: number): Promise<Did[]> {
  const all: Did[] = [];
  await timeline.seek(timeline.momentAt(from)!);
  while (timeline.moment.step < to) {
    const { machine, moment: { step } } = timeline;
    const { registers, fields } = machine.hartState();
    const [pc, retired] = [fields["pc"]!, machine.retired];
    const bits = instructionAt(machine, pc);
    await timeline.stepForward();
    const after = timeline.machine;
    // An interrupt has been taken in its place, or it has trapped.
    const isDone = after.retired > retired;
    const accessed = isDone && bits !== undefined ? accessOf(bits, registers) : undefined;
    const isFailed = bits !== undefined && decode(bits).instruction.name.startsWith("sc.") &&
      registerOf(after.hartState().registers, decode(bits).rd) !== 0n;
    if (isDone) all.push({ step, pc, accessed: isFailed ? undefined : accessed });
  }
  return all;
}

/** The first one kept is x1. */
function registerOf(registers: readonly bigint[], number: number): bigint {
  return number === 0 ? 0n : registers[number - 1]!;
}

function pulls({ kind, address, length }: Trigger, { pc, accessed }: Did): boolean {
  if (kind === "execute") return pc === address;
  if (!accessed || !accessed.kinds.includes(kind)) return false;
  return accessed.address < address + BigInt(length) &&
    address < accessed.address + BigInt(accessed.width);
}

function randomTriggers(random: Seeded, done: readonly Did[]): Trigger[] {
  const triggers: Trigger[] = [];
  while (triggers.length < 30) {
    const { pc, accessed } = done[random.upTo(done.length - 1)]!;
    const kind = (["execute", "load", "store", "access"] as const)[random.upTo(3)]!;
    if (kind === "execute") triggers.push({ kind, address: pc, length: 1 });
    else if (accessed) {
      // Some only touch one end of what is accessed, or nothing of it.
      const address = accessed.address + BigInt(random.upTo(2 * accessed.width) - accessed.width);
      if (address >= 0n) triggers.push({ kind, address, length: 1 + random.upTo(8) });
    }
  }
  // Two at one place are one.
  return [...new Map(triggers.map((one) => [`${one.kind} ${one.address}`, one])).values()];
}

function told(trigger: Trigger, step: number): string {
  return `${step} ${trigger.kind} 0x${trigger.address.toString(16)} ${trigger.length}`;
}

/** Answers whether anything was found, or nothing is ever done. */
async function assertNothingMissed(path: string, random: Seeded): Promise<boolean> {
  const timeline = await Timeline.open(path);
  let [hits, steps] = [0, 0];
  try {
    const { start, end } = timeline;
    for (let window = 0; window < 3; window++) {
      const from = start.step + random.upTo(Math.max(0, end.step - start.step - WINDOW_STEPS));
      const to = Math.min(end.step, from + WINDOW_STEPS);
      const done = await observed(timeline, from, to);
      // A guest that does nothing but trap.
      if (done.length === 0) continue;
      const triggers = randomTriggers(random, done);
      const expected = done.flatMap((did) =>
        triggers.filter((trigger) => pulls(trigger, did)).map((one) => told(one, did.step))
      );
      await timeline.seek(timeline.momentAt(from)!);
      const doneAt = new Set(done.map(({ step }) => step));
      const found: string[] = [];
      timeline.machine.arm(triggers, ({ trigger, step }) => {
        // Of an instruction that traps, or gives way to an interrupt, it may be told too.
        if (doneAt.has(step)) found.push(told(trigger, step));
        return false;
      });
      await timeline.runForward({ until: () => false, limit: timeline.momentAt(to)! });
      timeline.machine.arm([], () => false);
      assertEquals(found.toSorted(), expected.toSorted());
      hits += found.length;
      steps += done.length;
    }
  } finally {
    timeline.close();
  }
  return hits > 0 || steps === 0;
}

for (const [name, which] of Object.entries(guestCases)) {
  Deno.test(`${name}: at full speed triggers tell of all that is executed and accessed`, () =>
    withFolder(async (folder) => {
      const { log } = await recordGuest(
        which.guest,
        freshOptions(which, { seed: 7, epochSteps: (random) => random.upTo(30_000) }),
      );
      await Deno.writeFile(`${folder}/run.log`, log);
      for (const engine of engineNames) {
        chooseEngine({ engine, hotAt: 20 });
        try {
          assert(await assertNothingMissed(`${folder}/run.log`, new Seeded(9)));
        } finally {
          chooseEngine(DEFAULT_ENGINE);
        }
      }
    }));
}
