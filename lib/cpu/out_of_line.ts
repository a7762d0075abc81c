/**
 * Each instruction that accesses memory as a function of its own: for translated code, where its inline look into the
 * TLB has missed, or it has none.
 *
 * Translated code keeps registers in locals. So the function does the whole instruction but for the destination
 * register, which it answers. After a trap, and when the hart wants attention, it answers {@linkcode STOP}, too: the
 * caller then puts its registers into memory and calls `finish`, which does what is left to do.
 */
import { instructions } from "../isa/decoder.ts";
import type { Emission, Width } from "../isa/emission.ts";
import { type Instruction, majorOpcode, OPCODE } from "../isa/instruction.ts";
import { call, type Code, i32, i64, leave, likely, type Local, when } from "../wasm/code.ts";
import { FunctionBuilder, type ModuleBuilder, type Signature } from "../wasm/module.ts";
import { fieldOffset } from "./hart_block.ts";
import {
  ADDRESS,
  DATA_BANK,
  FLOAT_REGISTERS,
  HART_BLOCK_BYTES,
  MICRO_TLBS_USED,
  PAGE_BYTES,
  PENDING,
  PENDING_VALUE,
  READ_TLB,
  REMAINING,
  TLB_ENTRY_BYTES,
  VALUE,
  WRITE_TLB,
} from "./layout.ts";
import { MSTATUS } from "./privilege.ts";
import { FAILED, loadOf, type SlowPaths, storeOf } from "./record_emission.ts";
import { endReservation, hasReservation, makeReservation } from "./reservation_emission.ts";
import { ENTRY_VALUE, entryOf, microTlbOf, modeOf, tagOf } from "./tlb_emission.ts";

/** Where in a description what is. */
const LENGTH_MASK = 7, DESTINATION_MASK = 0xfff8, MICRO_SHIFT = 16;

/** What a function answers when the next instruction may not be executed yet; otherwise 0. */
const STOP = 1;

/** The slow paths that are called. */
export type AccessPaths = Pick<SlowPaths, "load" | "store" | "atomic" | "reserve" | "conditional">;

const memoryOpcodes: ReadonlySet<number> = new Set([
  OPCODE.load,
  OPCODE.loadFloat,
  OPCODE.store,
  OPCODE.storeFloat,
  OPCODE.amo,
]);

/** Whether an instruction has a function of its own. */
export function isOutOfLine(instruction: Instruction): boolean {
  return memoryOpcodes.has(majorOpcode(instruction));
}

/** Whether it writes a register. */
export function hasDestination({ operands }: Instruction): boolean {
  return operands.startsWith("rd,") || operands.startsWith("fd,");
}

/**
 * What these functions want to know of an instruction: where in memory its destination is, its length, and the number
 * of its entry in the micro-TLB, if it has one.
 */
export function describe(destination: number, length: 2 | 4, microEntry: number): number {
  return microEntry << MICRO_SHIFT | destination | length;
}

/**
 * Address and rs2, pc, the steps that are left after the instruction, and its {@linkcode describe | description}; what goes into
 * the destination, if there is one, and whether to stop.
 */
export function outOfLineSignature(instruction: Instruction): Signature {
  return {
    parameters: ["i64", "i64", "i64", "i32", "i32"],
    results: hasDestination(instruction) ? ["i64", "i32"] : ["i32"],
  };
}

/** The name under which the interpreter exports `finish`; the others have the names of their instructions. */
export const FINISH = "finish";

/** Adds all these functions to a module, exported by the names of the instructions; and `finish`. */
export function addOutOfLine(module: ModuleBuilder, slow: AccessPaths): void {
  for (const instruction of instructions.filter(isOutOfLine)) {
    const emission = new OutOfLineEmission(instruction, slow);
    module.addFunction(emission.builder, emission.emit(), instruction.name);
  }
  addFinish(module);
}

/** Writes the destination that is pending, if any, and moves pc. */
function addFinish(module: ModuleBuilder): void {
  const builder = new FunctionBuilder({ parameters: [], results: [] });
  const pending = builder.local("i32");
  const place = builder.local("i32");
  const mstatus = i32.load(i32.const(0), fieldOffset.mstatus);
  module.addFunction(builder, [
    pending.set(i32.load(i32.const(0), PENDING)),
    when(i32.eqz(pending.get), leave),
    place.set(i32.and(pending.get, i32.const(DESTINATION_MASK))),
    i64.store(place.get, i64.load(i32.const(0), PENDING_VALUE)),
    i64.store(
      i32.const(0),
      i64.add(
        i64.load(i32.const(0), fieldOffset.pc),
        i64.extend_u(i32.and(pending.get, i32.const(LENGTH_MASK))),
      ),
      fieldOffset.pc,
    ),
    when(
      i32.lt_u(
        i32.sub(place.get, i32.const(FLOAT_REGISTERS)),
        i32.const(HART_BLOCK_BYTES - FLOAT_REGISTERS),
      ),
      i32.store(i32.const(0), i32.or(mstatus, i32.const(MSTATUS.FS)), fieldOffset.mstatus),
    ),
  ], FINISH);
}

/** Address, rs2, pc, the steps that are left, description. */
type Parameters = [Local, Local, Local, Local, Local];

class OutOfLineEmission implements Emission {
  readonly builder: FunctionBuilder;
  readonly rs1: Code;
  readonly rs2: Code;
  readonly fs2: Code;
  /** It is in the address already. */
  readonly imm: Code = i64.const(0);
  readonly #instruction: Instruction;
  readonly #slow: AccessPaths;
  readonly #parameters: Parameters;
  readonly #host: Local;
  readonly #stops: Local;
  readonly #result: Local;
  readonly #code: Code[] = [];

  constructor(instruction: Instruction, slow: AccessPaths) {
    this.#instruction = instruction;
    this.#slow = slow;
    this.builder = new FunctionBuilder(outOfLineSignature(instruction));
    this.#parameters = this.builder.parameters as readonly Local[] as Parameters;
    const [address, value] = this.#parameters;
    this.rs1 = address.get;
    this.rs2 = value.get;
    this.fs2 = value.get;
    this.#host = this.builder.local("i32");
    this.#stops = this.builder.local("i32");
    this.#result = this.builder.local("i64");
  }

  emit(): Code {
    this.#instruction.meaning(this);
    const [, , , , description] = this.#parameters;
    const results = hasDestination(this.#instruction)
      ? [this.#result.get, this.#stops.get]
      : [this.#stops.get];
    return [
      this.#code,
      when(this.#stops.get, [
        i32.store(i32.const(0), description.get, PENDING),
        i64.store(i32.const(0), this.#result.get, PENDING_VALUE),
      ]),
      results,
    ];
  }

  keep(value: Code): Code {
    const local = this.builder.local("i64");
    this.#code.push(local.set(value));
    return local.get;
  }

  rd(value: Code): void {
    this.#code.push(this.#result.set(value));
  }

  fd(value: Code): void {
    this.rd(value);
  }

  /** The caller has done it. */
  requireFloat(): void {}

  load(_address: Code, width: Width, extend: "signed" | "unsigned"): Code {
    this.#access(this.#slow.load, READ_TLB, width);
    return loadOf(width, extend)(this.#host.get);
  }

  store(_address: Code, width: Width, value: Code): void {
    this.#access(this.#slow.store, WRITE_TLB, width);
    this.#code.push(storeOf(width)(this.#host.get, value));
  }

  atomic(width: 4 | 8, combine: (old: Code, operand: Code) => Code): Code {
    this.#access(this.#slow.atomic, WRITE_TLB, width);
    const old = this.keep(loadOf(width, "signed")(this.#host.get));
    const operand = width === 4 ? i64.extend32_s(this.rs2) : this.rs2;
    this.#code.push(storeOf(width)(this.#host.get, combine(old, operand)));
    return old;
  }

  loadReserved(width: 4 | 8): Code {
    const [address] = this.#parameters;
    const host = this.#host.get;
    this.#access(this.#slow.reserve, READ_TLB, width, makeReservation(address.get, host, width));
    return loadOf(width, "signed")(host);
  }

  storeConditional(width: 4 | 8): Code {
    const [address] = this.#parameters;
    const host = this.#host.get;
    const slowly = this.#slowly(this.#slow.conditional, width);
    const holds = hasReservation(address.get, host, width);
    this.#access(this.#slow.conditional, WRITE_TLB, width, when(holds, endReservation(), slowly));
    const failed = i32.eq(host, i32.const(FAILED));
    this.#code.push(when(i32.eqz(failed), storeOf(width)(host, this.rs2)));
    return i64.extend_u(failed);
  }

  get fs1(): Code {
    return this.#unused();
  }

  get fs3(): Code {
    return this.#unused();
  }

  get pc(): Code {
    return this.#unused();
  }

  get link(): Code {
    return this.#unused();
  }

  rounding(): Code {
    return this.#unused();
  }

  float(): Code {
    return this.#unused();
  }

  raise(): void {
    this.#unused();
  }

  branch(): void {
    this.#unused();
  }

  jump(): void {
    this.#unused();
  }

  jumpTo(): void {
    this.#unused();
  }

  csr(): Code {
    return this.#unused();
  }

  system(): void {
    this.#unused();
  }

  #unused(): never {
    throw new Error(`${this.#instruction.name} does more than to access memory`);
  }

  /** Sets `host` to where the bytes are: by the TLB, which is followed by `found`, or by a slow path. */
  #access(slow: number, tlb: number, width: Width, found: Code = []): void {
    const [address, , , , description] = this.#parameters;
    const host = this.#host;
    const addend = this.builder.local("i32");
    const microEntry = this.builder.local("i32");
    const place = i32.mul(microEntry.get, i32.const(TLB_ENTRY_BYTES));
    const page = i64.and(address.get, i64.const(-PAGE_BYTES));
    const mode = modeOf(i32.load(i32.const(0), DATA_BANK));
    const remember = [
      i64.store(place, i64.or(page, mode), microTlbOf(tlb)),
      i32.store(place, addend.get, microTlbOf(tlb) + ENTRY_VALUE),
      i32.store(i32.const(0), i32.const(1), MICRO_TLBS_USED),
    ];
    const hit = i64.eq(i64.load(host.get, tlb), tagOf(address.get, width));
    this.#code.push(
      microEntry.set(i32.shr_u(description.get, i32.const(MICRO_SHIFT))),
      host.set(i32.add(i32.load(i32.const(0), DATA_BANK), entryOf(address.get))),
      when(
        likely(hit),
        [
          addend.set(i32.load(host.get, tlb + ENTRY_VALUE)),
          when(microEntry.get, remember),
          host.set(i32.add(i32.wrap(address.get), addend.get)),
          found,
        ],
        this.#slowly(slow, width),
      ),
    );
  }

  /** Calls a slow path; returns when it has trapped. */
  #slowly(slow: number, width: Width): Code {
    const [address, value, pc, left] = this.#parameters;
    const results = hasDestination(this.#instruction)
      ? [i64.const(0), i32.const(STOP)]
      : [i32.const(STOP)];
    return [
      i64.store(i32.const(0), address.get, ADDRESS),
      i64.store(i32.const(0), value.get, VALUE),
      i64.store(i32.const(0), pc.get, fieldOffset.pc),
      i32.store(i32.const(0), left.get, REMAINING),
      this.#host.set(call(slow, i32.const(width))),
      when(i32.eqz(this.#host.get), [
        i32.store(i32.const(0), i32.const(0), PENDING),
        results,
        leave,
      ]),
      this.#stops.set(i32.ne(i32.load(i32.const(0), REMAINING), left.get)),
    ];
  }
}
