/** The registers of a region, which live in locals while it runs. */
import { floatRegisterNames, registerNames } from "../../isa/disassembler.ts";
import { type Code, i32, i64, type Local } from "../../wasm/code.ts";
import type { FunctionBuilder } from "../../wasm/module.ts";
import { FLOAT_REGISTERS, INTEGER_REGISTERS } from "../layout.ts";
import type { Decoded } from "../../isa/decoder.ts";
import type { Region } from "./region.ts";

/** A register file. */
export type RegisterFile = "x" | "f";

const origin = { x: INTEGER_REGISTERS, f: FLOAT_REGISTERS } as const;

/** Registers as locals. */
export class Registers {
  readonly #builder: FunctionBuilder;
  /** By where in memory the register is. */
  readonly #locals = new Map<number, Local>();
  readonly #written = new Set<number>();

  /** The registers of a region in its function. */
  constructor(builder: FunctionBuilder, region: Region) {
    this.#builder = builder;
    for (const { instructions } of region.blocks.values()) {
      for (const { decoded } of instructions) {
        const at = destinationOf(decoded);
        if (at !== undefined) this.#written.add(at);
      }
    }
  }

  /** The value of a register. */
  get(file: RegisterFile, number: number): Code {
    return file === "x" && number === 0 ? i64.const(0) : this.#local(origin[file] + 8 * number).get;
  }

  /** Writes a register that is not x0. */
  set(file: RegisterFile, number: number, value: Code): Code {
    return this.#local(origin[file] + 8 * number).set(value);
  }

  /** Puts into memory whatever the region may have written. */
  get spill(): Code {
    return Array.from(
      this.#written,
      (at) => i64.store(i32.const(0), this.#local(at).get, at),
    );
  }

  /** Takes over from memory whatever the region uses; to be asked for last. */
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

  #local(at: number): Local {
    const known = this.#locals.get(at);
    if (known !== undefined) return known;
    const local = this.#builder.local("i64");
    this.#locals.set(at, local);
    return local;
  }
}

/** Where in memory the register is that an instruction writes. */
export function destinationOf({ instruction, rd }: Decoded): number | undefined {
  const operands = instruction.operands.split(",");
  if (operands.includes("fd")) return FLOAT_REGISTERS + 8 * rd;
  return operands.includes("rd") && rd !== 0 ? INTEGER_REGISTERS + 8 * rd : undefined;
}
