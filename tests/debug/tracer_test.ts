import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Machine } from "../../lib/board/machine.ts";
import { chooseEngine, DEFAULT_ENGINE } from "../../lib/cpu/engine.ts";
import { instructionAt, NextInstruction } from "../../lib/debug/next_instruction.ts";
import { readSymbols, SymbolError, SymbolTable } from "../../lib/debug/symbol_table.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { Tracer } from "../../lib/debug/tracer.ts";
import { HartBlock } from "../../lib/cpu/hart_block.ts";
import { disassemble } from "../../lib/isa/disassembler.ts";
import { fixture } from "../guests/fixture.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { recordGuest, type RecordingOptions } from "../replay/recording.ts";

interface Line {
  readonly step: number;
  readonly privilege: string;
  readonly pc: bigint;
  readonly bits: string;
  readonly text: string;
  readonly trap: string | undefined;
}

function parse(line: string): Line {
  const match = /^(\d+) ([USM]) ([0-9a-f]{16})(?: +\?| ([0-9a-f]{4,8}) +(.*?))?(?: -- (.*))?$/.exec(
    line,
  );
  if (!match) throw new Error(`No line of a trace: ${line}`);
  const [, step, privilege, pc, bits = "", text = "", trap] = match;
  const places = { step: Number(step), privilege: privilege!, pc: BigInt(`0x${pc}`) };
  return { ...places, bits, text: text.trimEnd(), trap };
}

async function onTimeline<Result>(
  log: Uint8Array,
  use: (timeline: Timeline) => Promise<Result>,
): Promise<Result> {
  return await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/run.log`, log);
    const timeline = await Timeline.open(`${folder}/run.log`);
    try {
      await timeline.seek(timeline.start);
      return await use(timeline);
    } finally {
      timeline.close();
    }
  });
}

/** Traces a whole log in pieces of uneven size. */
async function traced(log: Uint8Array): Promise<{ lines: Line[]; machine: Machine }> {
  return await onTimeline(log, async (timeline) => {
    const { machine } = timeline;
    const tracer = new Tracer(machine);
    let text = "";
    let size = 1;
    await timeline.runBy(timeline.end, (replica, most) => {
      size = size * 7 % 1013;
      text += tracer.trace(replica, Math.min(size, most));
    });
    return { lines: text.trimEnd().split("\n").map(parse), machine };
  });
}

const guests: Readonly<Record<string, RecordingOptions>> = {
  "clock": { bootArguments: "ticks=2" },
  "paging": { ramBytes: 16 << 20, stopAfterEpochs: 4 },
  "reset": {},
};

for (const [guest, options] of Object.entries(guests)) {
  Deno.test(`the trace of ${guest} has every step, each where the one before leads, and every trap`, async () => {
    const { log, machine } = await recordGuest(guest, options);
    const { lines, machine: { memory } } = await traced(log);
    assertEquals(lines.map(({ step }) => step), lines.map((_, index) => index));
    assertEquals(lines.length, machine.steps);
    const traps = lines.filter(({ trap }) => trap !== undefined);
    if (guest !== "reset") {
      assertEquals(traps.length, Number(new HartBlock(memory.memory).get("trapsTaken")));
    }
    for (const { trap } of traps) {
      assertMatch(trap!, /^[\w -]+(, value [0-9a-f]+)? to [0-9a-f]{16}$/);
    }
    lines.forEach(({ pc, bits, text, trap }, index) => {
      const next = lines[index + 1];
      if (bits !== "") assertEquals(text, disassemble(parseInt(bits, 16), pc));
      if (trap) assertEquals(next?.pc ?? -1n, BigInt(`0x${trap.split(" to ")[1]}`));
      else if (next && !/^(c\.)?([bj]|[ms]ret)|csrr?w? .*satp/.test(text)) {
        if (next.pc !== pc + BigInt(bits.length / 2)) assertEquals(next.pc, 0x8000_0000n, text);
      }
    });
  });
}

Deno.test("an instruction is the same through page tables as where the hart has decoded it", async () => {
  const { log } = await recordGuest("paging", { ramBytes: 16 << 20, stopAfterEpochs: 60 });
  await onTimeline(log, async (timeline) => {
    const { machine } = timeline;
    const block = new HartBlock(machine.memory.memory);
    const isTranslated = () => block.low("privilege") < 3 && block.get("satp") !== 0n;
    await timeline.runForward({ until: isTranslated, sliceSteps: 997 });
    const instruction = new NextInstruction(machine);
    let translated = 0;
    const limit = timeline.momentAt(timeline.moment.step + 20_000)!;
    await timeline.runBy(limit, (replica) => {
      assertEquals(instruction.bits, instructionAt(machine, block.get("pc")));
      if (isTranslated()) translated++;
      replica.advance(1);
    });
    assert(translated > 1000);
  });
});

Deno.test("code that is translated is traced alike, and not much slower than code that is not", async () => {
  const { log } = await recordGuest("bench", { bootArguments: "scale=1" });
  const [from, steps] = [2_000_000, 50_000];
  const engines = ["interpreter", "mixed"] as const;
  const best = [Infinity, Infinity];
  const texts = new Set<string>();
  for (let round = 0; round < 10; round++) {
    chooseEngine({ engine: engines[round % 2]!, hotAt: 20 });
    try {
      await onTimeline(log, async (timeline) => {
        await timeline.seek(timeline.momentAt(from)!);
        const tracer = new Tracer(timeline.machine);
        const began = performance.now();
        let text = "";
        await timeline.runBy(
          timeline.momentAt(from + steps)!,
          (replica, most) => void (text += tracer.trace(replica, most)),
        );
        best[round % 2] = Math.min(best[round % 2]!, performance.now() - began);
        texts.add(text);
      });
    } finally {
      chooseEngine(DEFAULT_ENGINE);
    }
  }
  assertEquals(texts.size, 1);
  // It was ten times slower when each step was taken in translated code.
  assert(best[1]! < 4 * best[0]!, `${best.join(" and ")} ms`);
});

Deno.test("a place is told by the symbol that it lies in", async () => {
  const elf = await Deno.readFile(fixture("clock"));
  const symbols = readSymbols(elf);
  const table = new SymbolTable(symbols);
  const main = symbols.find(({ name }) => name === "main")!;
  assertEquals(table.at(main.address), "main");
  assertEquals(table.at(main.address + 6n), "main+0x6");
  assertEquals(table.at(0n), undefined);
  const shifted = new SymbolTable(readSymbols(elf, 0xffff_ffff_0000_0000n));
  assertEquals(shifted.at(BigInt.asUintN(64, main.address - 0x1_0000_0000n)), "main");
  const listed = new SymbolTable(readSymbols(
    new TextEncoder().encode(
      "ffffffff80000000 T _start\nffffffff80000010 d data\nffffffff80000100 t run\n",
    ),
  ));
  assertEquals(listed.at(0xffff_ffff_8000_0020n), "_start+0x20");
  assertEquals(listed.at(0xffff_ffff_8000_0108n), "run+0x8");
});

Deno.test("a file that is cut or altered anywhere gives symbols or a reason, and nothing else", async () => {
  const elf = await Deno.readFile(fixture("hello"));
  const outcome = (file: Uint8Array) => {
    try {
      return readSymbols(file).length > 0 ? "symbols" : "none";
    } catch (error) {
      return (error as Error).name;
    }
  };
  for (let length = 0; length < elf.length; length += 61) {
    assertMatch(outcome(elf.slice(0, length)), /^(symbols|SymbolError)$/);
  }
  for (let at = 0; at < 64; at++) {
    const altered = elf.slice();
    altered[at]! ^= 0xff;
    assertMatch(outcome(altered), /^(symbols|SymbolError)$/, `byte ${at}`);
  }
});

Deno.test("many symbol tables over the same bytes of a file are refused at once", async () => {
  const elf = await Deno.readFile(fixture("hello"));
  const view = new DataView(elf.buffer);
  const [sectionsAt, count] = [Number(view.getBigUint64(40, true)), view.getUint16(60, true)];
  const sections = Array.from({ length: count }, (_, index) => {
    const at = sectionsAt + 64 * index;
    return elf.slice(at, at + 64);
  });
  const table = sections.find((section) => new DataView(section.buffer).getUint32(4, true) === 2)!;
  const most = 0xffff;
  const file = new Uint8Array(elf.length + 64 * most);
  file.set(elf);
  for (let index = 0; index < most; index++) {
    file.set(sections[index] ?? table, elf.length + 64 * index);
  }
  const altered = new DataView(file.buffer);
  altered.setBigUint64(40, BigInt(elf.length), true);
  altered.setUint16(60, most, true);
  // Each one would be as large as the file.
  for (let index = count; index < most; index++) {
    altered.setBigUint64(elf.length + 64 * index + 24, 0n, true);
    altered.setBigUint64(elf.length + 64 * index + 32, BigInt(file.length), true);
  }
  assertThrows(() => readSymbols(file), SymbolError, "overlap");
});
