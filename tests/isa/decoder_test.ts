import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { compressed } from "../../lib/isa/compressed.ts";
import { decode, instructions } from "../../lib/isa/decoder.ts";
import { disassemble, disassembleDecoded } from "../../lib/isa/disassembler.ts";
import { encode } from "../cpu/assembly.ts";

Deno.test("no two instructions share an encoding", () => {
  instructions.forEach((one, index) => {
    for (const other of instructions.slice(index + 1)) {
      const apart = (one.match ^ other.match) & one.mask & other.mask;
      assert(apart !== 0, `${one.name} and ${other.name} overlap`);
    }
  });
});

Deno.test("no match has bits outside its mask, and names are unique", () => {
  for (const { name, mask, match } of instructions) assertEquals(match & ~mask, 0, name);
  assertEquals(new Set(instructions.map(({ name }) => name)).size, instructions.length);
});

Deno.test("every instruction decodes to itself whatever its operands", () => {
  fc.assert(fc.property(fc.constantFrom(...instructions), fc.integer(), (instruction, noise) => {
    const bits = (instruction.match | noise & ~instruction.mask) >>> 0;
    const decoded = decode(bits);
    assertEquals([decoded.instruction.name, decoded.length, decoded.bits], [
      instruction.name,
      4,
      bits,
    ]);
  }));
});

Deno.test("a halfword expands in at most one way", () => {
  for (let half = 0; half < 0x1_0000; half++) {
    const ways = compressed.filter(({ mask, match, expand }) =>
      ((half ^ match) & mask) === 0 && expand(half) !== undefined
    );
    assert(ways.length <= 1, `0x${half.toString(16)}: ${ways.map(({ name }) => name)}`);
    if ((half & 3) !== 3) {
      assertEquals(decode(half).instruction.name, ways[0]?.base ?? "illegal");
    }
  }
});

// Encodings by LLVM 14's assembler.
const expansions: readonly (readonly [number, string])[] = [
  [0x1fe8, "addi a0, sp, 1020"],
  [0x0044, "addi s1, sp, 4"],
  [0x5de8, "lw a0, 124(a1)"],
  [0x41c8, "lw a0, 4(a1)"],
  [0x7ef0, "ld a2, 248(a3)"],
  [0xc3b8, "sw a4, 64(a5)"],
  [0xe480, "sd s0, 8(s1)"],
  [0x0001, "addi zero, zero, 0"],
  [0x1501, "addi a0, a0, -32"],
  [0x0ffd, "addi t6, t6, 31"],
  [0x357d, "addiw a0, a0, -1"],
  [0x2d81, "addiw s11, s11, 0"],
  [0x5501, "addi a0, zero, -32"],
  [0x42fd, "addi t0, zero, 31"],
  [0x7101, "addi sp, sp, -512"],
  [0x617d, "addi sp, sp, 496"],
  [0x6505, "lui a0, 0x1"],
  [0x7f81, "lui t6, 0xfffe0"],
  [0x917d, "srli a0, a0, 0x3f"],
  [0x8785, "srai a5, a5, 0x1"],
  [0x9afd, "andi a3, a3, -1"],
  [0x8d0d, "sub a0, a0, a1"],
  [0x8e35, "xor a2, a2, a3"],
  [0x8f5d, "or a4, a4, a5"],
  [0x8c65, "and s0, s0, s1"],
  [0x9d0d, "subw a0, a0, a1"],
  [0x9d2d, "addw a0, a0, a1"],
  [0xb001, "jal zero, 0x7ffff800"],
  [0xaffd, "jal zero, 0x800007fe"],
  [0xd101, "beq a0, zero, 0x7fffff00"],
  [0xeffd, "bne a5, zero, 0x800000fe"],
  [0x1286, "slli t0, t0, 0x21"],
  [0x50fe, "lw ra, 252(sp)"],
  [0x7ffe, "ld t6, 504(sp)"],
  [0x8082, "jalr zero, 0(ra)"],
  [0x857e, "add a0, zero, t6"],
  [0x9002, "ebreak"],
  [0x9282, "jalr ra, 0(t0)"],
  [0x9faa, "add t6, t6, a0"],
  [0xdffe, "sw t6, 252(sp)"],
  [0xffaa, "sd a0, 504(sp)"],
  [0x2588, "fld fa0, 8(a1)"],
  [0x3c64, "fld fs1, 248(s0)"],
  [0xa588, "fsd fa0, 8(a1)"],
  [0xb8fc, "fsd fa5, 240(s1)"],
  [0x2022, "fld ft0, 8(sp)"],
  [0x3ffe, "fld ft11, 504(sp)"],
  [0xa42a, "fsd fa0, 8(sp)"],
  [0xbffe, "fsd ft11, 504(sp)"],
];

Deno.test("a compressed instruction is its expansion", () => {
  for (const [half, text] of expansions) {
    assertEquals(disassembleDecoded(decode(half), 0x8000_0000n), text);
  }
  const reached = new Set(
    expansions.flatMap(([half]) =>
      compressed.filter(({ mask, match, expand }) =>
        ((half ^ match) & mask) === 0 && expand(half) !== undefined
      ).map(({ name }) => name)
    ),
  );
  assertEquals(compressed.filter(({ name }) => !reached.has(name)).map(({ name }) => name), []);
});

// The same assembler's, which does not write the rounding mode when it is dynamic.
const floats: readonly (readonly [number, string])[] = [
  [0x02c59553, "fadd.d fa0, fa1, fa2, rtz"],
  [0x09f4f053, "fsub.s ft0, fs1, ft11"],
  [0x6ac5f543, "fmadd.d fa0, fa1, fa2, fa3"],
  [0x203130cf, "fnmadd.s ft1, ft2, ft3, ft4, rup"],
  [0x203100c7, "fmsub.s ft1, ft2, ft3, ft4, rne"],
  [0x223120cb, "fnmsub.d ft1, ft2, ft3, ft4, rdn"],
  [0x103170d3, "fmul.s ft1, ft2, ft3"],
  [0x1a3170d3, "fdiv.d ft1, ft2, ft3"],
  [0x5a0df453, "fsqrt.d fs0, fs11"],
  [0x22c58553, "fsgnj.d fa0, fa1, fa2"],
  [0x20c59553, "fsgnjn.s fa0, fa1, fa2"],
  [0x22c5a553, "fsgnjx.d fa0, fa1, fa2"],
  [0x28c58553, "fmin.s fa0, fa1, fa2"],
  [0x2ac59553, "fmax.d fa0, fa1, fa2"],
  [0xa0c58553, "fle.s a0, fa1, fa2"],
  [0xa2c59553, "flt.d a0, fa1, fa2"],
  [0xa2c5a553, "feq.d a0, fa1, fa2"],
  [0xe0059553, "fclass.s a0, fa1"],
  [0xe0058553, "fmv.x.w a0, fa1"],
  [0xf0058553, "fmv.w.x fa0, a1"],
  [0xe2058553, "fmv.x.d a0, fa1"],
  [0xf2058553, "fmv.d.x fa0, a1"],
  [0xc0059553, "fcvt.w.s a0, fa1, rtz"],
  [0xc015f553, "fcvt.wu.s a0, fa1"],
  [0xc225f553, "fcvt.l.d a0, fa1"],
  [0xc235f553, "fcvt.lu.d a0, fa1"],
  [0xd035c553, "fcvt.s.lu fa0, a1, rmm"],
  [0xd2058553, "fcvt.d.w fa0, a1, rne"],
  [0x4015f553, "fcvt.s.d fa0, fa1"],
  [0x42058553, "fcvt.d.s fa0, fa1, rne"],
  [0xffc5a507, "flw fa0, -4(a1)"],
  [0x7ff5b507, "fld fa0, 2047(a1)"],
  [0xfea5ae27, "fsw fa0, -4(a1)"],
  [0x80a5b027, "fsd fa0, -2048(a1)"],
];

Deno.test("floating-point instructions are written with their registers and rounding mode", () => {
  for (const [word, text] of floats) assertEquals(disassemble(word, 0n), text);
});

Deno.test("an immediate survives encoding and decoding", () => {
  const even = (bits: number) =>
    fc.integer({ min: -(2 ** (bits - 2)), max: 2 ** (bits - 2) - 1 }).map((n) => 2 * n);
  const cases = { addi: fc.integer({ min: -2048, max: 2047 }), beq: even(13), jal: even(21) };
  for (const [name, immediates] of Object.entries(cases)) {
    fc.assert(fc.property(immediates, (imm) => {
      assertEquals(decode(encode(name, { imm })).imm, imm);
    }));
  }
  for (const name of ["sb", "sh", "sw", "sd"]) {
    fc.assert(fc.property(cases.addi, (imm) => {
      assertEquals(decode(encode(name, { imm })).imm, imm);
    }));
  }
});

Deno.test("what is no instruction decodes as illegal with its bits", () => {
  for (const word of [0, 0x4, 0x8000, 0x9c41, 0x6101 ^ 0x6101, 0x2001, 0x4002, 0x8002]) {
    assertEquals([decode(word).instruction.name, decode(word).length], ["illegal", 2]);
  }
  for (const word of [0xffff_ffff, 0x0000_707f, 0x3020_0073 | 0x80, 0x1000_302f | 1 << 20]) {
    assertEquals([decode(word).instruction.name, decode(word).bits], ["illegal", word >>> 0]);
  }
});
