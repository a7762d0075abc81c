/** Design invariant 9, on a guest that edits page tables and code without fences. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Digester } from "../../lib/cpu/digest.ts";
import { Hart } from "../../lib/cpu/hart.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";

const EPOCH_STEPS = 40_000;
const EPOCHS = 12;
const UART = 0x1000_0000;
const UART_STATUS = UART + 5;
const TRANSMITTER_EMPTY = 0x60n;
const CLINT = 0x200_0000;

/** Loads the segments of an ELF file; answers its entry. */
function loadElf(memory: GuestMemory, elf: Uint8Array<ArrayBuffer>): number {
  const view = new DataView(elf.buffer);
  const number = (at: number) => Number(view.getBigUint64(at, true));
  for (let n = 0; n < view.getUint16(56, true); n++) {
    const header = number(32) + 56 * n;
    if (view.getUint32(header, true) !== 1) continue;
    const start = number(header + 8);
    memory.write(number(header + 24), elf.subarray(start, start + number(header + 32)));
  }
  return number(24);
}

function paging(): { hart: Hart; memory: GuestMemory; digester: Digester } {
  const memory = new GuestMemory(32 << 20);
  const hart = new Hart(memory, {
    load: (address) => address === UART_STATUS ? TRANSMITTER_EMPTY : 0n,
    store: (address) => address >= CLINT,
    time: () => 0n,
  });
  const elf = Deno.readFileSync(new URL("../../fixtures/paging.elf", import.meta.url));
  hart.reset(loadElf(memory, elf), 0n, 0n);
  return { hart, memory, digester: new Digester(memory) };
}

function endEpoch({ hart, memory, digester }: ReturnType<typeof paging>): readonly unknown[] {
  hart.save();
  const digest = [digester.state(), digester.pages(memory.writtenPages()), digester.ram()];
  hart.startEpoch();
  return digest;
}

Deno.test("a machine whose caches are dropped at random moments stays the same to the bit", () => {
  const warm = paging();
  const expected = Array.from({ length: EPOCHS }, () => {
    assertEquals(warm.hart.run(EPOCH_STEPS), EPOCH_STEPS);
    return endEpoch(warm);
  });
  assert(warm.hart.retired < warm.hart.steps, "The guest has taken traps");
  fc.assert(
    fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 400 })), (pieces) => {
      const cold = paging();
      for (const digest of expected) {
        for (let left = EPOCH_STEPS; left > 0;) {
          const steps = Math.min(left, pieces.next().value!);
          assertEquals(cold.hart.run(steps), steps);
          cold.hart.dropCaches();
          left -= steps;
        }
        assertEquals(endEpoch(cold), digest);
      }
    }),
    { numRuns: 3 },
  );
});
