/** What belongs to a region. */
import { assert, assertEquals } from "@std/assert";
import { place } from "../../../lib/cpu/record.ts";
import { findRegion } from "../../../lib/cpu/translate/region.ts";
import { encode, program } from "../assembly.ts";

const nop = encode("addi");
const branch = (imm: number) => encode("beq", { imm });
const jump = (imm: number, rd = 0) => encode("jal", { imm, rd });

function regionOf(...words: readonly number[]) {
  return findRegion(0, (offset) => {
    const word = words[offset / 4];
    return word === undefined ? undefined : place(word, offset);
  });
}

const starts = (region: ReturnType<typeof regionOf>) =>
  [...region!.blocks.keys()].toSorted((a, b) => a - b);

Deno.test("a region contains both ways of a branch, and a loop only once", () => {
  const region = regionOf(nop, branch(8), nop, branch(-8), encode("jalr", { rs1: 1 }), nop);
  assertEquals(starts(region), [0, 4, 8, 12, 16]);
  assertEquals(region!.entries, [0]);
  assertEquals(region!.blocks.get(16)!.instructions.length, 1);
});

Deno.test("a region contains the functions that it calls, and is entered again where they return", () => {
  const region = regionOf(jump(12, 1), nop, jump(0), nop, encode("jalr", { rs1: 1 }));
  assertEquals(starts(region), [0, 4, 8, 12]);
  assertEquals(region!.entries, [0, 4]);
});

Deno.test("what changes the rules is left to the interpreter", () => {
  assertEquals(regionOf(encode("ecall")), undefined);
  assertEquals(regionOf(encode("csrrw", { csr: 0x300 })), undefined);
  const region = regionOf(nop, encode("sfence.vma"), nop);
  assertEquals(region!.blocks.get(0)!.end, 4);
});

Deno.test("a region ends, however long the code is", () => {
  const region = regionOf(...Array.from({ length: 1000 }, () => nop));
  const count = [...region!.blocks.values()].flatMap(({ instructions }) => instructions).length;
  assertEquals(count, 200);
});

Deno.test("ways that meet after different instructions share what follows", () => {
  const WAYS = 60, SHARED = 100;
  // In the upper half of each of the shared ones is c.nop, and each branch goes to such a half.
  const shared = encode("addi", { rd: 5, rs1: 2 });
  const branches = Array.from({ length: WAYS }, () => branch(4 * WAYS + 2));
  const bytes = program(...branches, ...Array.from({ length: SHARED }, () => shared), 0);
  const view = new DataView(bytes.buffer);
  const region = findRegion(0, (offset) => {
    return offset + 4 > bytes.length ? undefined : place(view.getUint32(offset, true), offset);
  });
  const blocks = [...region!.blocks.values()];
  const offsets = blocks.flatMap(({ instructions }) =>
    instructions.map(({ pageOffset }) => pageOffset)
  );
  assert(offsets.length > 2 * WAYS);
  assertEquals(new Set(offsets).size, offsets.length);
});
