/**
 * The emission of the translator: most registers are locals, immediates and addresses within the page are known.
 *
 * A block has charged all its steps at its start. An instruction whose access the TLB does not serve is done out of
 * line; when that stops, so does the region.
 */
import type { Emission, FloatRoutine, Width } from "../../isa/emission.ts";
import {
  block,
  br,
  brIf,
  call,
  type Code,
  drop,
  either,
  i32,
  i64,
  Label,
  likely,
  type Local,
  unlikely,
  when,
} from "../../wasm/code.ts";
import type { FunctionBuilder } from "../../wasm/module.ts";
import { fieldOffset } from "../hart_block.ts";
import { READ_TLB, TLB_ENTRY_BYTES, WRITE_TLB, ZERO_SINK } from "../layout.ts";
import { describe } from "../out_of_line.ts";
import { MSTATUS } from "../privilege.ts";
import type { Placed } from "../record.ts";
import { loadOf, storeOf } from "../record_emission.ts";
import type { FloatFunctions } from "../soft_float.ts";
import { DYNAMIC_ROUNDING, ROUNDING } from "../soft_float_parts.ts";
import { ENTRY_VALUE, entryOf, microTlbOf, tagOf } from "../tlb_emission.ts";
import { onHost } from "./host_arithmetic.ts";
import { destinationOf, type Registers } from "./registers.ts";
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
  /** Entries of the micro-TLB that accesses have. */
  readonly microEntries: ReadonlyMap<Placed, number>;
  /** The mode of loads and stores in tags of the micro-TLB. */
  readonly mode: Local;
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
  /** Leaves it after an instruction done out of line has stopped. */
  readonly halt: Label;
  /** Indices of imported functions. */
  readonly imports: RegionImports;
}

/** Function indices of what a region calls. */
export interface RegionImports {
  /** Instructions done out of line, by name. */
  readonly outOfLine: ReadonlyMap<string, number>;
  /** What is left to do after one that has stopped. */
  readonly finish: number;
  /** The arithmetic of F and D, if there is any. */
  readonly float: FloatFunctions | undefined;
}

/** What instructions of a block have found out, which holds for those after them. */
export interface KnownInBlock {
  /** Floating point is on. */
  floatIsOn: boolean;
  /** Its state is dirty. */
  floatIsDirty: boolean;
  /** The dynamic rounding mode is one. */
  roundingIsLegal: boolean;
}

/** How control goes on after an instruction that ends its block. */
export type Outcome =
  | { readonly kind: "branch"; readonly condition: Code }
  | { readonly kind: "jump" }
  | { readonly kind: "jumpTo"; readonly target: Code }
  | { readonly kind: "next" };

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
 * @param known What the block has found out so far.
 */
export function emitInstruction(
  frame: RegionFrame,
  placed: Placed,
  stepsAfter: number,
  known: KnownInBlock,
): { readonly code: Code; readonly outcome: Outcome } {
  const emission = new InstructionEmission(frame, placed, stepsAfter, known);
  placed.decoded.instruction.meaning(emission);
  return { code: emission.code, outcome: emission.outcome };
}

class InstructionEmission implements Emission {
  readonly code: Code[] = [];
  outcome: Outcome = { kind: "next" };
  readonly #frame: RegionFrame;
  readonly #placed: Placed;
  readonly #stepsAfter: number;
  readonly #known: KnownInBlock;

  constructor(frame: RegionFrame, placed: Placed, stepsAfter: number, known: KnownInBlock) {
    this.#known = known;
    this.#frame = frame;
    this.#placed = placed;
    this.#stepsAfter = stepsAfter;
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
    this.code.push(registers.set("f", this.#placed.decoded.rd, value));
    if (this.#known.floatIsDirty) return;
    this.#known.floatIsDirty = true;
    const dirty = i32.const(MSTATUS.FS);
    const status = i32.load(i32.const(0), fieldOffset.mstatus);
    this.code.push(
      when(unlikely(i32.ne(floatStatus.get, dirty)), [
        floatStatus.set(dirty),
        i32.store(i32.const(0), i32.or(status, dirty), fieldOffset.mstatus),
      ]),
    );
  }

  requireFloat(): void {
    if (this.#known.floatIsOn) return;
    this.#known.floatIsOn = true;
    this.code.push(
      when(unlikely(i32.eqz(this.#frame.floatStatus.get)), this.#leaveToInterpreter()),
    );
  }

  rounding(): Code {
    const { imm } = this.#placed.decoded;
    const { dynamicRounding } = this.#frame;
    if (imm <= ROUNDING.nearestMaximum) return i32.const(imm);
    if (imm === DYNAMIC_ROUNDING && this.#known.roundingIsLegal) return dynamicRounding.get;
    const isReserved = imm === DYNAMIC_ROUNDING
      ? i32.gt_u(dynamicRounding.get, i32.const(ROUNDING.nearestMaximum))
      : i32.const(1);
    this.code.push(when(unlikely(isReserved), this.#leaveToInterpreter()));
    this.#known.roundingIsLegal = true;
    return dynamicRounding.get;
  }

  float(routine: FloatRoutine, rounding: Code, ...operands: readonly Code[]): Code {
    const { builder, imports, floatStatus } = this.#frame;
    const exactly = call(imports.float!.routines[routine], ...operands, rounding);
    const host = onHost(routine, this.#placed.decoded.imm, operands);
    if (host === undefined) return exactly;
    const result = builder.local(host.type);
    const answer = builder.local("i64");
    const [otherwise, done] = [new Label(), new Label()];
    const isDirty = i32.eq(floatStatus.get, i32.const(MSTATUS.FS));
    const more = host.isInteger && !this.#known.floatIsDirty ? [isDirty] : [];
    this.code.push(
      result.set(host.value),
      block(done, [
        block(otherwise, [
          [...more, ...host.conditions(result.get)]
            .map((met) => brIf(otherwise, unlikely(i32.eqz(met)))),
          answer.set(host.answer(result.get)),
          br(done),
        ]),
        answer.set(exactly),
      ]),
    );
    return answer.get;
  }

  raise(flags: Code): void {
    this.code.push(when(unlikely(flags), call(this.#frame.imports.float!.raise, flags)));
  }

  load(address: Code, width: Width, extend: "signed" | "unsigned"): Code {
    const load = loadOf(width, extend);
    return this.#access(READ_TLB, address, width, (hit, found, missed) => {
      return either("i64", hit, load(found), missed);
    });
  }

  store(address: Code, width: Width, value: Code): void {
    const store = storeOf(width);
    this.code.push(this.#access(WRITE_TLB, address, width, (hit, found, missed) => {
      return when(hit, store(found, value), missed);
    }, value));
  }

  atomic(): Code {
    return this.#atomic();
  }

  loadReserved(): Code {
    return this.#atomic();
  }

  storeConditional(): Code {
    return this.#atomic();
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

  /**
   * An access to memory.
   * @param way It itself: given whether the page is found, where in memory the bytes then are, and what to do if not.
   * @param value What is stored, if anything.
   */
  #access(
    tlb: number,
    at: Code,
    width: Width,
    way: (hit: Code, found: Code, missed: Code) => Code,
    value?: Code,
  ): Code {
    const { address, bank, host, mode } = this.#frame;
    const low = i32.wrap(address.get);
    const tag = tagOf(address.get, width);
    const missed = this.#outOfLine(value);
    this.code.push(address.set(at));
    const entry = this.#microEntry;
    if (entry !== 0) {
      const place = i32.const(microTlbOf(tlb) + entry * TLB_ENTRY_BYTES);
      return way(
        likely(i64.eq(i64.load(place), i64.or(tag, mode.get))),
        i32.add(low, i32.load(place, ENTRY_VALUE)),
        missed,
      );
    }
    this.code.push(host.set(i32.add(bank.get, entryOf(address.get))));
    return way(
      likely(i64.eq(i64.load(host.get, tlb), tag)),
      i32.add(low, i32.load(host.get, tlb + ENTRY_VALUE)),
      missed,
    );
  }

  get #microEntry(): number {
    return this.#frame.microEntries.get(this.#placed) ?? 0;
  }

  #atomic(): Code {
    const old = this.#frame.builder.local("i64");
    this.code.push(
      this.#frame.address.set(this.rs1),
      old.set(this.#outOfLine(this.rs2)),
    );
    return old.get;
  }

  /** Does the instruction, which accesses memory at `address`, out of line; answers what goes into its destination. */
  #outOfLine(value: Code = i64.const(0)): Code {
    const { address, remaining, imports, halt } = this.#frame;
    const { decoded } = this.#placed;
    return brIf(
      halt,
      call(
        imports.outOfLine.get(decoded.instruction.name)!,
        address.get,
        value,
        this.pc,
        i32.add(remaining.get, i32.const(this.#stepsAfter)),
        i32.const(
          describe(destinationOf(decoded) ?? ZERO_SINK, decoded.length, this.#microEntry),
        ),
      ),
    );
  }
}
