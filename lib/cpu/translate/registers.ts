/** The registers of a region, which live in locals while it runs. */
import { floatRegisterNames, registerNames } from "../../isa/disassembler.ts";
import { call, type Code, i32, i64, type Local } from "../../wasm/code.ts";
import { FunctionBuilder, type ModuleBuilder } from "../../wasm/module.ts";
import { FLOAT_REGISTERS, INTEGER_REGISTERS } from "../layout.ts";
import type { Placed } from "../record.ts";
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
  readonly #spiller: number;
  #spill: Code | undefined;

  /** The registers of a region in its function; adds a function to the module. */
  constructor(module: ModuleBuilder, builder: FunctionBuilder, region: Region) {
    this.#builder = builder;
    for (const { instructions } of region.blocks.values()) {
      for (const placed of instructions) {
        const at = writtenBy(placed);
        if (at !== undefined) this.#written.add(at);
      }
    }
    this.#spiller = addSpiller(module, this.#written);
  }

  /** The value of a register. */
  get(file: RegisterFile, number: number): Code {
    return file === "x" && number === 0 ? i64.const(0) : this.#local(origin[file] + 8 * number).get;
  }

  /** Writes a register that is not x0. */
  set(file: RegisterFile, number: number, value: Code): Code {
    return this.#local(origin[file] + 8 * number).set(value);
  }

  /** Puts into memory whatever the region may have written: where speed matters. */
  spillHere(): Code {
    return spillOf(this.#written, (at) => this.#local(at));
  }

  /** The same by a call, which is much shorter. */
  get spill(): Code {
    return this.#spill ??= call(
      this.#spiller,
      ...Array.from(this.#written, (at) => this.#local(at).get),
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

function spillOf(places: ReadonlySet<number>, local: (at: number) => Local): Code {
  return Array.from(places, (at) => i64.store(i32.const(0), local(at).get, at));
}

function addSpiller(module: ModuleBuilder, places: ReadonlySet<number>): number {
  const parameters = Array.from(places, () => "i64" as const);
  const builder = new FunctionBuilder({ parameters, results: [] });
  const locals = new Map(Array.from(places, (at, index) => [at, builder.parameters[index]!]));
  return module.addFunction(builder, spillOf(places, (at) => locals.get(at)!));
}

/** Where in memory the register is that an instruction writes. */
function writtenBy({ decoded: { instruction, rd } }: Placed): number | undefined {
  const operands = instruction.operands.split(",");
  if (operands.includes("fd")) return FLOAT_REGISTERS + 8 * rd;
  return operands.includes("rd") && rd !== 0 ? INTEGER_REGISTERS + 8 * rd : undefined;
}
