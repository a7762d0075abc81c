/** Translations as people read them: nothing is left out, and it is what the bytes say. */
import { assert, assertEquals } from "@std/assert";
import { chooseEngine, DEFAULT_ENGINE } from "../../lib/cpu/engine.ts";
import type { LinkedModule } from "../../lib/cpu/translate/notes.ts";
import { translationText } from "../../lib/debug/translation_text.ts";
import { readSymbols, SymbolTable } from "../../lib/debug/symbol_table.ts";
import { disassembleDecoded } from "../../lib/isa/disassembler.ts";
import { ModuleText } from "../../lib/wasm/text.ts";
import { Timeline } from "../../lib/debug/timeline.ts";
import { fixture } from "../guests/fixture.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { recordGuest } from "../replay/recording.ts";
import { assertSameText, normalised, wabtFunctions } from "../wasm/wabt.ts";

const HOT_AT = 2000;

/** Replays the guest `bench`; answers what has been linked, with its text. */
async function linked(): Promise<readonly (readonly [LinkedModule, string])[]> {
  const { log } = await recordGuest("bench", { bootArguments: "scale=1" });
  const symbols = new SymbolTable(readSymbols(await Deno.readFile(fixture("bench"))));
  const found: (readonly [LinkedModule, string])[] = [];
  chooseEngine({ engine: "mixed", hotAt: HOT_AT });
  try {
    await withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/bench.log`, log);
      const timeline = await Timeline.open(`${folder}/bench.log`);
      await timeline.seek(timeline.start);
      const { machine } = timeline;
      machine.watchTranslations((module) => {
        found.push([module, translationText(machine, module, { symbols })]);
      });
      await timeline.runBy(timeline.end, (replica, steps) => void replica.advance(steps));
      timeline.close();
    });
  } finally {
    chooseEngine(DEFAULT_ENGINE);
  }
  return found;
}

const modules = await linked();

Deno.test("the WebAssembly of a region is shown as wabt shows it", () => {
  let regions = 0;
  for (const [{ binary, regions: [...all] }] of modules) {
    const expected = wabtFunctions(binary);
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(binary as BufferSource))
      .filter(({ kind }) => kind === "function").length;
    const text = new ModuleText(binary);
    for (const { functionIndex } of all) {
      const lines = text.function(functionIndex).map((line) => line.text).join(" ");
      assertSameText(normalised(lines), expected[functionIndex - imports]!);
      regions++;
    }
  }
  assert(regions > 10, `${regions} regions`);
});

Deno.test("every instruction of a region has a place in its code, in the order of the bytes", () => {
  for (const [{ regions }] of modules) {
    for (const { region, notes, places } of regions) {
      const noted = new Set(
        places.map(({ number }) => notes.notes[number]!)
          .flatMap((note) => note.kind === "instruction" ? [note.placed] : []),
      );
      const instructions = [...region.blocks.values()].flatMap((block) => block.instructions);
      assertEquals(noted, new Set(instructions));
      const order = places.map(({ at }) => at);
      assertEquals(order, order.toSorted((a, b) => a - b));
      assertEquals(notes.notes[places.at(-1)!.number], { kind: "stop" });
    }
  }
});

Deno.test("each instruction stands beside its code, with its address and the register's names", () => {
  const text = modules.map(([, shown]) => shown).join("");
  for (const [{ regions }, shown] of modules) {
    for (const { region, ramPage } of regions) {
      for (const { instructions } of region.blocks.values()) {
        for (const { decoded, pageOffset } of instructions) {
          // The guest runs without translation.
          const at = 0x8000_0000n + BigInt(ramPage) * 4096n + BigInt(pageOffset);
          const line = `${at.toString(16).padStart(16, "0")}  ${disassembleDecoded(decoded, at)}`;
          assert(shown.includes(`\n${line} `) || shown.includes(`\n${line}\n`), line);
        }
      }
    }
  }
  assert(/^# step \d+: region at 00000000800[0-9a-f]{5} <phase_sieve\+0x/m.test(text));
  const [, rd, local] = /^[0-9a-f]{16} {2}xor (\w+), .*\(local\.set \$(\w+) \(i64\.xor /m.exec(
    text,
  )!;
  assertEquals(local, rd);
});
