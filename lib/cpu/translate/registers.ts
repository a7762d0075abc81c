/** The registers of a region: which of them live in locals while it runs. */
import { floatRegisterNames, registerNames } from "../../isa/disassembler.ts";
import { type Code, i32, i64, type Local } from "../../wasm/code.ts";
import type { FunctionBuilder } from "../../wasm/module.ts";
import { FLOAT_REGISTERS, INTEGER_REGISTERS } from "../layout.ts";
import { type Decoded, instructions } from "../../isa/decoder.ts";
import type { Instruction } from "../../isa/instruction.ts";
import type { Placed } from "../record.ts";
import { loopDepths } from "./loops.ts";

/** A register file. */
export type RegisterFile = "x" | "f";

const origin = { x: INTEGER_REGISTERS, f: FLOAT_REGISTERS } as const;

/** Most registers of a file that become locals: measured; V8 keeps a few of the host's for itself. */
const MOST_LOCALS = { x: 7, f: 8 } as const;
/** How much more often a loop is assumed to be executed than what is around it. */
const ROUNDS = 8;

/**
 * The registers of a region: those that it uses most are locals, the others stay in memory. Locals that do not fit into
 * the host's registers cost more than that, and all of them are loaded and stored wherever the region is entered or left.
 */
export class Registers {
  /** By where in memory the register is. */
  readonly #locals = new Map<number, Local>();
  readonly #written = new Set<number>();

  /** The registers of a region, whose instructions these are, in its function. */
  constructor(builder: FunctionBuilder, code: readonly Placed[]) {
    for (const at of mostUsed(code)) this.#locals.set(at, builder.local("i64"));
    for (const { decoded } of code) {
      const at = destinationOf(decoded);
      if (at !== undefined && this.#locals.has(at)) this.#written.add(at);
    }
  }

  /** The value of a register. */
  get(file: RegisterFile, number: number): Code {
    if (file === "x" && number === 0) return i64.const(0);
    const at = origin[file] + 8 * number;
    return this.#locals.get(at)?.get ?? i64.load(i32.const(0), at);
  }

  /** Writes a register that is not x0. */
  set(file: RegisterFile, number: number, value: Code): Code {
    const at = origin[file] + 8 * number;
    return this.#locals.get(at)?.set(value) ?? i64.store(i32.const(0), value, at);
  }

  /** Puts into memory whatever locals the region may have written. */
  get spill(): Code {
    return Array.from(
      this.#written,
      (at) => i64.store(i32.const(0), this.#locals.get(at)!.get, at),
    );
  }

  /** Takes over from memory what is in locals. */
  get fill(): Code {
    return Array.from(this.#locals, ([at, local]) => local.set(i64.load(i32.const(0), at)));
  }

  /** The locals by the names of the registers, for people. */
  get byName(): Readonly<Record<string, Local>> {
    return Object.fromEntries(Array.from(this.#locals, ([at, local]) => {
      const isFloat = at >= FLOAT_REGISTERS;
      const number = (at - (isFloat ? FLOAT_REGISTERS : INTEGER_REGISTERS)) / 8;
      return [(isFloat ? floatRegisterNames : registerNames)[number]!, local];
    }));
  }
}

/** Where in memory the registers are that are used most. */
function mostUsed(code: readonly Placed[]): number[] {
  const depths = loopDepths(code);
  const uses = { x: new Map<number, number>(), f: new Map<number, number>() };
  code.forEach(({ decoded }, index) => {
    const weight = ROUNDS ** depths[index]!;
    for (const { file, number } of operandsOf.get(decoded.instruction)!) {
      const at = origin[file] + 8 * number(decoded);
      // x0 is no register.
      if (at !== INTEGER_REGISTERS) uses[file].set(at, (uses[file].get(at) ?? 0) + weight);
    }
  });
  return (["x", "f"] as const).flatMap((file) =>
    [...uses[file]].toSorted(([, a], [, b]) => b - a).slice(0, MOST_LOCALS[file])
      .map(([at]) => at)
  );
}

/** A register operand: its file, and the field of the instruction that has its number. */
interface RegisterOperand {
  readonly file: RegisterFile;
  readonly number: (decoded: Decoded) => number;
  readonly isDestination: boolean;
}

const fields: Readonly<Record<string, (decoded: Decoded) => number>> = {
  d: ({ rd }) => rd,
  s1: ({ rs1 }) => rs1,
  s2: ({ rs2 }) => rs2,
  s3: ({ bits }) => bits >>> 27,
};

const operandsOf: ReadonlyMap<Instruction, readonly RegisterOperand[]> = new Map(
  instructions.map((instruction) => [
    instruction,
    Array.from(
      instruction.operands.matchAll(/\b([rf])(d|s[123])\b/g),
      ([, file, field]) => ({
        file: file === "r" ? "x" : "f",
        number: fields[field!]!,
        isDestination: field === "d",
      }),
    ),
  ]),
);

/** Where in memory the register is that an instruction writes. */
export function destinationOf(decoded: Decoded): number | undefined {
  const destination = operandsOf.get(decoded.instruction)!.find((one) => one.isDestination);
  if (destination === undefined) return undefined;
  const { file } = destination;
  return file === "x" && decoded.rd === 0 ? undefined : origin[file] + 8 * decoded.rd;
}
