/**
 * The emission of the translator: registers are locals, immediates and addresses within the page are known.
 *
 * A block has charged all its steps at its start. Whatever calls a slow path first puts the state into memory as
 * the interpreter would have it before the instruction, with the steps that are left after it; when the slow path
 * wants the hart's attention, the instruction is completed and the region left.
 */
import type { Emission, FloatRoutine, Width } from "../../isa/emission.ts";
import {
  br,
  call,
  type Code,
  drop,
  i32,
  i64,
  type Label,
  leave,
  likely,
  type Local,
  unlikely,
  when,
} from "../../wasm/code.ts";
import type { FunctionBuilder } from "../../wasm/module.ts";
import { fieldOffset } from "../hart_block.ts";
import { READ_TLB, REMAINING, TLB_ENTRIES, TLB_ENTRY_BYTES, VALUE, WRITE_TLB } from "../layout.ts";
import { MSTATUS } from "../privilege.ts";
import type { Placed } from "../record.ts";
import { FAILED, loadOf, storeOf } from "../record_emission.ts";
import type { FloatFunctions } from "../soft_float.ts";
import type { Registers } from "./registers.ts";
import { after } from "./region.ts";

/** What all instructions of a region share. */
export interface RegionFrame {
  /** Its function. */
  readonly builder: FunctionBuilder;
  /** Its registers. */
  readonly registers: Registers;
  /** Address of the page. */
  readonly base: Local;
  /** Steps left after the present block. */
  readonly remaining: Local;
  /** Where to go on, for {@linkcode RegionFrame.exit}. */
  readonly target: Local;
  /** TLB bank of loads and stores. */
  readonly bank: Local;
  /** Virtual address of the access. */
  readonly address: Local;
  /** Where in memory the access is done. */
  readonly host: Local;
  /** mstatus.FS in its place, which only instructions outside of regions clear. */
  readonly floatStatus: Local;
  /** The dynamic rounding mode, which only instructions outside of regions change. */
  readonly dynamicRounding: Local;
  /** Leaves the region for `target`, all registers being in their locals, and goes on there if that is translated. */
  readonly exit: Label;
  /** The same, but goes back to the interpreter. */
  readonly stop: Label;
  /** Indices of imported functions. */
  readonly imports: RegionImports;
}

/** Function indices of what a region calls. */
export interface RegionImports {
  /** See `InterpreterImports`; they also take address, pc, and the steps that are left. */
  readonly slow: Readonly<Record<SlowAccess, number>>;
  /** The arithmetic of F and D. */
  readonly float: FloatFunctions;
}

/** Slow paths of accesses. */
export type SlowAccess = "load" | "store" | "atomic" | "reserve" | "conditional";

/** How control goes on after an instruction that ends its block. */
export type Outcome =
  | { readonly kind: "branch"; readonly condition: Code }
  | { readonly kind: "jump" }
  | { readonly kind: "jumpTo"; readonly target: Code }
  | { readonly kind: "next" };

const DYNAMIC = 7, LAST_ROUNDING = 4;
const PAGE_MASK = -4096;
const ENTRY_VALUE = 8;

/** The address of an offset in the page. */
export function addressOf({ base }: RegionFrame, pageOffset: number): Code {
  return i64.add(base.get, i64.const(pageOffset));
}

/** Leaves the region for an offset in the page, or beyond it. */
export function exitTo(frame: RegionFrame, pageOffset: number): Code {
  return [frame.target.set(addressOf(frame, pageOffset)), br(frame.exit)];
}

/** Leaves an offset in the page to the interpreter. */
export function stopAt(frame: RegionFrame, pageOffset: number): Code {
  return [frame.target.set(addressOf(frame, pageOffset)), br(frame.stop)];
}

/**
 * Emits one instruction.
 * @param stepsAfter Steps of the block after this one.
 */
export function emitInstruction(
  frame: RegionFrame,
  placed: Placed,
  stepsAfter: number,
): { readonly code: Code; readonly outcome: Outcome } {
  const emission = new InstructionEmission(frame, placed, stepsAfter, false);
  placed.decoded.instruction.meaning(emission);
  return { code: emission.code, outcome: emission.outcome };
}

class InstructionEmission implements Emission {
  readonly code: Code[] = [];
  outcome: Outcome = { kind: "next" };
  readonly #frame: RegionFrame;
  readonly #placed: Placed;
  readonly #stepsAfter: number;
  /** The access has been located already. */
  readonly #located: boolean;

  constructor(frame: RegionFrame, placed: Placed, stepsAfter: number, located: boolean) {
    this.#frame = frame;
    this.#placed = placed;
    this.#stepsAfter = stepsAfter;
    this.#located = located;
  }

  get rs1(): Code {
    return this.#frame.registers.get("x", this.#placed.decoded.rs1);
  }

  get rs2(): Code {
    return this.#frame.registers.get("x", this.#placed.decoded.rs2);
  }

  get fs1(): Code {
    return this.#frame.registers.get("f", this.#placed.decoded.rs1);
  }

  get fs2(): Code {
    return this.#frame.registers.get("f", this.#placed.decoded.rs2);
  }

  get fs3(): Code {
    return this.#frame.registers.get("f", this.#placed.decoded.bits >>> 27);
  }

  get imm(): Code {
    return i64.const(this.#placed.decoded.imm);
  }

  get pc(): Code {
    return addressOf(this.#frame, this.#placed.pageOffset);
  }

  get link(): Code {
    return addressOf(this.#frame, after(this.#placed));
  }

  keep(value: Code): Code {
    const local = this.#frame.builder.local("i64");
    this.code.push(local.set(value));
    return local.get;
  }

  rd(value: Code): void {
    const { rd } = this.#placed.decoded;
    this.code.push(rd === 0 ? drop(value) : this.#frame.registers.set("x", rd, value));
  }

  fd(value: Code): void {
    const { registers, floatStatus } = this.#frame;
    const dirty = i32.const(MSTATUS.FS);
    const status = i32.load(i32.const(0), fieldOffset.mstatus);
    this.code.push(
      registers.set("f", this.#placed.decoded.rd, value),
      when(unlikely(i32.ne(floatStatus.get, dirty)), [
        floatStatus.set(dirty),
        i32.store(i32.const(0), i32.or(status, dirty), fieldOffset.mstatus),
      ]),
    );
  }

  requireFloat(): void {
    this.code.push(
      when(unlikely(i32.eqz(this.#frame.floatStatus.get)), this.#leaveToInterpreter()),
    );
  }

  rounding(): Code {
    const { imm } = this.#placed.decoded;
    const { dynamicRounding } = this.#frame;
    if (imm <= LAST_ROUNDING) return i32.const(imm);
    const isReserved = imm === DYNAMIC
      ? i32.gt_u(dynamicRounding.get, i32.const(LAST_ROUNDING))
      : i32.const(1);
    this.code.push(when(unlikely(isReserved), this.#leaveToInterpreter()));
    return dynamicRounding.get;
  }

  float(routine: FloatRoutine, rounding: Code, ...operands: readonly Code[]): Code {
    return call(this.#frame.imports.float.routines[routine], ...operands, rounding);
  }

  raise(flags: Code): void {
    this.code.push(call(this.#frame.imports.float.raise, flags));
  }

  load(address: Code, width: Width, extend: "signed" | "unsigned"): Code {
    this.#access("load", READ_TLB, width, address);
    return loadOf(width, extend)(this.#frame.host.get);
  }

  store(address: Code, width: Width, value: Code): void {
    this.#access("store", WRITE_TLB, width, address, i64.store(i32.const(0), value, VALUE));
    this.code.push(storeOf(width)(this.#frame.host.get, value));
  }

  atomic(width: 4 | 8, combine: (old: Code, operand: Code) => Code): Code {
    this.#access("atomic", WRITE_TLB, width, this.rs1);
    const host = this.#frame.host.get;
    const old = this.keep(loadOf(width, "signed")(host));
    const operand = width === 4 ? i64.extend32_s(this.rs2) : this.rs2;
    this.code.push(storeOf(width)(host, combine(old, operand)));
    return old;
  }

  loadReserved(width: 4 | 8): Code {
    this.#alwaysSlow("reserve", width);
    return loadOf(width, "signed")(this.#frame.host.get);
  }

  storeConditional(width: 4 | 8): Code {
    this.#alwaysSlow("conditional", width);
    const host = this.#frame.host.get;
    const failed = i32.eq(host, i32.const(FAILED));
    this.code.push(when(i32.eqz(failed), storeOf(width)(host, this.rs2)));
    return i64.extend_u(failed);
  }

  branch(condition: Code): void {
    this.outcome = { kind: "branch", condition };
  }

  jump(): void {
    this.outcome = { kind: "jump" };
  }

  jumpTo(target: Code): void {
    this.outcome = { kind: "jumpTo", target };
  }

  csr(): Code {
    throw new Error("A CSR instruction is in no region");
  }

  system(): void {
    throw new Error("A privileged instruction is in no region");
  }

  /** Gives back the steps from this instruction on and lets the interpreter execute it. */
  #leaveToInterpreter(): Code {
    const { remaining } = this.#frame;
    return [
      remaining.set(i32.add(remaining.get, i32.const(this.#stepsAfter + 1))),
      stopAt(this.#frame, this.#placed.pageOffset),
    ];
  }

  /** Sets `host` to where the bytes at an address are, by the TLB or by the slow path. */
  #access(slow: SlowAccess, tlb: number, width: Width, at: Code, prepare: Code = []): void {
    if (this.#located) return;
    const { address, bank, host } = this.#frame;
    const low = i32.wrap(address.get);
    const index = i32.and(
      i32.shr_u(low, i32.const(8)),
      i32.const((TLB_ENTRIES - 1) * TLB_ENTRY_BYTES),
    );
    // A misaligned address keeps low bits that no tag has.
    const tag = i64.and(address.get, i64.const(PAGE_MASK | (width - 1)));
    this.code.push(
      address.set(at),
      host.set(i32.add(bank.get, index)),
      when(
        likely(i64.eq(i64.load(host.get, tlb), tag)),
        host.set(i32.add(low, i32.load(host.get, tlb + ENTRY_VALUE))),
        [prepare, this.#slowly(slow, width)],
      ),
    );
  }

  #alwaysSlow(slow: SlowAccess, width: 4 | 8): void {
    if (this.#located) return;
    this.code.push(this.#frame.address.set(this.rs1), this.#slowly(slow, width));
  }

  #slowly(slow: SlowAccess, width: Width): Code {
    const { registers, address, remaining, host, imports, stop, target } = this.#frame;
    const left = i32.add(remaining.get, i32.const(this.#stepsAfter));
    const leftInMemory = i32.load(i32.const(0), REMAINING);
    const completion = new InstructionEmission(this.#frame, this.#placed, this.#stepsAfter, true);
    this.#placed.decoded.instruction.meaning(completion);
    return [
      registers.spill,
      host.set(call(imports.slow[slow], i32.const(width), address.get, this.pc, left)),
      when(i32.eqz(host.get), leave),
      when(i32.ne(leftInMemory, left), [
        completion.code,
        remaining.set(leftInMemory),
        target.set(this.link),
        br(stop),
      ]),
    ];
  }
}
