/** The emission of the interpreter: operands come from the decoded record, registers live in memory. */
import type { CsrOperation, Emission, SystemEvent, Width } from "../isa/emission.ts";
import { br, brIf, call, type Code, i32, i64, type Label, type Local, when } from "../wasm/code.ts";
import { READ_TLB, REMAINING, TLB_ENTRIES, TLB_ENTRY_BYTES, VALUE, WRITE_TLB } from "./layout.ts";
import type { Operation } from "./operations.ts";
import { RECORD, RECORD_BYTES_PER_BYTE } from "./record.ts";

/** What all handlers of the interpreter share. */
export interface Frame {
  /** 64-bit locals for the values that a meaning keeps; handlers share them. */
  temporary(index: number): Local;
  /** Offset of the current record. */
  readonly record: Local;
  /** Steps left after the current one. */
  readonly remaining: Local;
  /** The address of an instruction is this plus an eighth of its record's offset. */
  readonly pcBase: Local;
  /** TLB bank of loads and stores. */
  readonly bank: Local;
  /** Where to go on, for {@linkcode Frame.lookup}. */
  readonly target: Local;
  readonly address: Local;
  readonly host: Local;
  readonly outcome: Local;
  /** Executes the record at `record`. */
  readonly dispatch: Label;
  /** Goes to `target`. */
  readonly lookup: Label;
  /** Goes on from the state in memory. */
  readonly enter: Label;
  /** Indices of the slow paths. */
  readonly slow: SlowPaths;
}

/** Function indices of the slow paths. */
export interface SlowPaths {
  /** Puts address, pc and `remaining` into memory, where the others find them. */
  readonly synchronise: number;
  readonly load: number;
  readonly store: number;
  readonly atomic: number;
  readonly reserve: number;
  readonly conditional: number;
  readonly csr: number;
  readonly system: number;
}

/** Numbers that stand for CSR operations at the slow path. */
export const csrOperations: readonly CsrOperation[] = ["write", "set", "clear"];
/** Numbers that stand for system events at the slow path. */
export const systemEvents: readonly SystemEvent[] = [
  "ecall",
  "ebreak",
  "mret",
  "sret",
  "wfi",
  "sfence.vma",
  "illegal",
];

/** What a slow path answers when the hart is elsewhere now: go on from the state in memory. */
export const RELOAD = 0;
/** What a slow path answers when all is well. */
export const DONE = 1;
/** What a slow path answers when the instruction is done but memory may look different now. */
export const REDIRECT = 2;
/** What a store-conditional answers instead of a place to write to when it fails. */
export const FAILED = 1;

const PAGE_MASK = -4096;
const ENTRY_VALUE = 8;

/** The address of the instruction at `record`. */
export function pcOf(frame: Pick<Frame, "record" | "pcBase">): Code {
  return i64.add(frame.pcBase.get, i64.extend_u(i32.shr_u(frame.record.get, i32.const(3))));
}

/** Emits the handler of one operation. */
export class RecordEmission implements Emission {
  readonly #frame: Frame;
  readonly #operation: Operation;
  readonly #code: Code[] = [];
  #temporaries = 0;
  #ended = false;
  #mayRedirect = false;

  constructor(frame: Frame, operation: Operation) {
    this.#frame = frame;
    this.#operation = operation;
  }

  /** The code of the handler: the instruction's meaning, then on to the next record. */
  handler(): Code {
    this.#operation.instruction.meaning(this);
    if (!this.#ended) this.#next();
    return this.#code;
  }

  get rs1(): Code {
    return this.#register(RECORD.rs1);
  }

  get rs2(): Code {
    return this.#register(RECORD.rs2);
  }

  get imm(): Code {
    return i64.load32_s(this.#frame.record.get, RECORD.imm);
  }

  get pc(): Code {
    return pcOf(this.#frame);
  }

  get link(): Code {
    return i64.add(this.pc, i64.const(this.#operation.length));
  }

  keep(value: Code): Code {
    const local = this.#frame.temporary(this.#temporaries++);
    this.#code.push(local.set(value));
    return local.get;
  }

  rd(value: Code): void {
    this.#code.push(i64.store(i32.load16_u(this.#frame.record.get, RECORD.rd), value));
  }

  load(address: Code, width: Width, extend: "signed" | "unsigned"): Code {
    this.#locate(READ_TLB, width, address, this.#call(this.#frame.slow.load, i32.const(width)));
    return loadOf(width, extend)(this.#frame.host.get);
  }

  store(address: Code, width: Width, value: Code): void {
    const slow = [
      i64.store(i32.const(0), value, VALUE),
      this.#call(this.#frame.slow.store, i32.const(width)),
    ];
    this.#locate(WRITE_TLB, width, address, slow);
    this.#code.push(storeOf(width)(this.#frame.host.get, value));
  }

  branch(condition: Code): void {
    this.#code.push(when(condition, this.#relative()));
    this.#next();
  }

  jump(): void {
    this.#code.push(this.#relative());
    this.#ended = true;
  }

  jumpTo(target: Code): void {
    this.#code.push(this.#frame.target.set(target), br(this.#frame.lookup));
    this.#ended = true;
  }

  atomic(width: 4 | 8, combine: (old: Code, operand: Code) => Code): Code {
    this.#locate(WRITE_TLB, width, this.rs1, this.#call(this.#frame.slow.atomic, i32.const(width)));
    const host = this.#frame.host.get;
    const old = this.keep(loadOf(width, "signed")(host));
    const operand = width === 4 ? i64.extend32_s(this.rs2) : this.rs2;
    this.#code.push(storeOf(width)(host, combine(old, operand)));
    return old;
  }

  loadReserved(width: 4 | 8): Code {
    const { address, host, slow } = this.#frame;
    this.#code.push(
      address.set(this.rs1),
      this.#call(slow.reserve, i32.const(width)),
      host.set(this.#frame.outcome.get),
    );
    return loadOf(width, "signed")(host.get);
  }

  storeConditional(width: 4 | 8): Code {
    const { address, outcome, slow } = this.#frame;
    this.#code.push(
      address.set(this.rs1),
      this.#call(slow.conditional, i32.const(width)),
      when(
        i32.ne(outcome.get, i32.const(FAILED)),
        storeOf(width)(outcome.get, this.rs2),
      ),
    );
    return i64.extend_u(i32.eq(outcome.get, i32.const(FAILED)));
  }

  csr(operation: CsrOperation, operand: Code): Code {
    this.#code.push(
      i64.store(i32.const(0), operand, VALUE),
      this.#call(
        this.#frame.slow.csr,
        i32.const(csrOperations.indexOf(operation)),
        this.#frame.record.get,
      ),
    );
    this.#mayRedirect = true;
    return i64.load(i32.const(0), VALUE);
  }

  system(event: SystemEvent): void {
    this.#code.push(
      this.#call(
        this.#frame.slow.system,
        i32.const(systemEvents.indexOf(event)),
        this.#frame.record.get,
      ),
    );
    this.#mayRedirect = true;
  }

  /** Sets `host` to where the bytes at an address are, by the TLB or by the slow path. */
  #locate(tlb: number, width: Width, at: Code, slow: Code): void {
    const { address, bank, host, outcome } = this.#frame;
    const low = i32.wrap(address.get);
    const index = i32.and(
      i32.shr_u(low, i32.const(8)),
      i32.const((TLB_ENTRIES - 1) * TLB_ENTRY_BYTES),
    );
    // A misaligned address keeps low bits that no tag has.
    const tag = i64.and(address.get, i64.const(PAGE_MASK | (width - 1)));
    this.#code.push(
      address.set(at),
      host.set(i32.add(bank.get, index)),
      when(
        i64.eq(i64.load(host.get, tlb), tag),
        host.set(i32.add(low, i32.load(host.get, tlb + ENTRY_VALUE))),
        [slow, host.set(outcome.get)],
      ),
    );
  }

  /** Calls a slow path; when it trapped, goes on from the state in memory. */
  #call(slowPath: number, ...args: Code[]): Code {
    const { address, remaining, outcome, enter, slow } = this.#frame;
    return [
      call(slow.synchronise, address.get, this.pc, remaining.get),
      outcome.set(call(slowPath, ...args)),
      remaining.set(i32.load(i32.const(0), REMAINING)),
      brIf(enter, i32.eqz(outcome.get)),
    ];
  }

  #register(part: number): Code {
    return i64.load(i32.load16_u(this.#frame.record.get, part));
  }

  #relative(): Code {
    const { record, target, dispatch, lookup } = this.#frame;
    return this.#operation.near
      ? [record.set(i32.add(record.get, i32.load(record.get, RECORD.imm))), br(dispatch)]
      : [target.set(i64.add(this.pc, this.imm)), br(lookup)];
  }

  #next(): void {
    const { record, dispatch, enter, outcome } = this.#frame;
    if (this.#mayRedirect) this.#code.push(brIf(enter, i32.eq(outcome.get, i32.const(REDIRECT))));
    const bytes = this.#operation.length * RECORD_BYTES_PER_BYTE;
    this.#code.push(record.set(i32.add(record.get, i32.const(bytes))), br(dispatch));
    this.#ended = true;
  }
}

function loadOf(width: Width, extend: "signed" | "unsigned"): (address: Code) => Code {
  switch (width) {
    case 1:
      return extend === "signed" ? i64.load8_s : i64.load8_u;
    case 2:
      return extend === "signed" ? i64.load16_s : i64.load16_u;
    case 4:
      return extend === "signed" ? i64.load32_s : i64.load32_u;
    case 8:
      return i64.load;
  }
}

function storeOf(width: Width): (address: Code, value: Code) => Code {
  return { 1: i64.store8, 2: i64.store16, 4: i64.store32, 8: i64.store }[width];
}
