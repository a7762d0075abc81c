/** The emission of the interpreter: operands come from the decoded record, registers live in memory. */
import type { CsrOperation, Emission, FloatRoutine, SystemEvent, Width } from "../isa/emission.ts";
import { br, brIf, call, type Code, i32, i64, type Label, type Local, when } from "../wasm/code.ts";
import { fieldOffset } from "./hart_block.ts";
import { FLOAT_REGISTERS, READ_TLB, REMAINING, VALUE, WRITE_TLB } from "./layout.ts";
import type { Operation, Part } from "./operations.ts";
import type { Forward } from "./idioms.ts";
import { MSTATUS } from "./privilege.ts";
import type { FloatFunctions } from "./soft_float.ts";
import { DYNAMIC_ROUNDING, FRM_SHIFT, ROUNDING } from "./soft_float_parts.ts";
import { endReservation, hasReservation, makeReservation } from "./reservation_emission.ts";
import { mayFence, statusValue, switchesInterrupts, switchInterrupts } from "./status_emission.ts";
import { ENTRY_VALUE, entryOf, tagOf } from "./tlb_emission.ts";
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
  /** Virtual address of the access. */
  readonly address: Local;
  /** Where in memory the access is done. */
  readonly host: Local;
  /** The result of the part before. */
  readonly result: Local;
  /** What a slow path has answered. */
  readonly outcome: Local;
  /** The rounding mode of the instruction. */
  readonly rounding: Local;
  /** Executes the record at `record`. */
  readonly dispatch: Label;
  /** Goes to `target`. */
  readonly lookup: Label;
  /** Goes on from the state in memory. */
  readonly enter: Label;
  /** Indices of the slow paths. */
  readonly slow: SlowPaths;
  /** The arithmetic of F and D. */
  readonly float: FloatFunctions;
  /** Counts how often the record at `record` is gone to; nothing where code is not translated. */
  readonly count: Code;
}

/** Function indices of the slow paths. */
export interface SlowPaths {
  /** Puts address, pc and `remaining` into memory, where the others find them. */
  readonly synchronise: number;
  /** See {@linkcode InterpreterImports}. */
  readonly load: number;
  /** See {@linkcode InterpreterImports}. */
  readonly store: number;
  /** See {@linkcode InterpreterImports}. */
  readonly atomic: number;
  /** See {@linkcode InterpreterImports}. */
  readonly reserve: number;
  /** See {@linkcode InterpreterImports}. */
  readonly conditional: number;
  /** See {@linkcode InterpreterImports}. */
  readonly csr: number;
  /** See {@linkcode InterpreterImports}. */
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

/** The address of the instruction whose record is so many bytes after `record`. */
export function pcOf({ record, pcBase }: Pick<Frame, "record" | "pcBase">, after = 0): Code {
  const pc = i64.add(pcBase.get, i64.extend_u(i32.shr_u(record.get, i32.const(3))));
  return after === 0 ? pc : i64.add(pc, i64.const(after / RECORD_BYTES_PER_BYTE));
}

/** The handler of an operation: what its parts mean, then on to the next record. */
export function emitHandler(frame: Frame, { parts, forwards }: Operation): Code {
  const code: Code[] = [];
  let after = 0;
  let temporaries = 0;
  parts.forEach((part, index) => {
    const last = index === parts.length - 1;
    const place: Place = {
      after,
      last,
      forwarded: forwards[index - 1] ?? "none",
      keepsResult: (forwards[index] ?? "none") !== "none",
    };
    const emission = new RecordEmission(frame, part, place, temporaries);
    code.push(emission.emit());
    temporaries = emission.temporaries;
    after += part.length * RECORD_BYTES_PER_BYTE;
    if (!last) code.push(nextStep(frame, after));
  });
  return code;
}

/** Charges the step of the next part, or goes to where it will be seen that there is none left. */
function nextStep(frame: Frame, after: number): Code {
  const { remaining } = frame;
  return [
    when(i32.eqz(remaining.get), proceed(frame, after)),
    remaining.set(i32.sub(remaining.get, i32.const(1))),
  ];
}

/** Goes on with the record that is so many bytes after this one. */
function proceed({ record, dispatch }: Frame, after: number): Code {
  return [record.set(i32.add(record.get, i32.const(after))), br(dispatch)];
}

/** Where in an operation a part stands. */
interface Place {
  /** Bytes from the operation's first record to the part's own. */
  readonly after: number;
  readonly last: boolean;
  /** The operand that is the result of the part before. */
  readonly forwarded: Forward;
  /** The next part uses this one's result. */
  readonly keepsResult: boolean;
}

/** Emits one part of an operation. */
class RecordEmission implements Emission {
  /** Number of the next free temporary. */
  temporaries: number;
  readonly #frame: Frame;
  readonly #part: Part;
  readonly #place: Place;
  readonly #code: Code[] = [];
  #ended = false;
  #mayRedirect = false;

  constructor(frame: Frame, part: Part, place: Place, temporaries: number) {
    this.#frame = frame;
    this.#part = part;
    this.#place = place;
    this.temporaries = temporaries;
  }

  emit(): Code {
    this.#part.instruction.meaning(this);
    if (this.#mayRedirect) {
      const { enter, outcome } = this.#frame;
      this.#code.push(brIf(enter, i32.eq(outcome.get, i32.const(REDIRECT))));
    }
    if (this.#place.last && !this.#ended) this.#code.push(this.#proceed());
    return this.#code;
  }

  get rs1(): Code {
    return this.#place.forwarded === "rs1" ? this.#frame.result.get : this.#register(RECORD.rs1);
  }

  get rs2(): Code {
    return this.#place.forwarded === "rs2" ? this.#frame.result.get : this.#register(RECORD.rs2);
  }

  get fs1(): Code {
    return this.rs1;
  }

  get fs2(): Code {
    return this.rs2;
  }

  get fs3(): Code {
    const bits = i32.load(this.#frame.record.get, this.#place.after + RECORD.bits);
    return i64.load(i32.shl(i32.shr_u(bits, i32.const(27)), i32.const(3)), FLOAT_REGISTERS);
  }

  get imm(): Code {
    return i64.load32_s(this.#frame.record.get, this.#place.after + RECORD.imm);
  }

  get pc(): Code {
    return pcOf(this.#frame, this.#place.after);
  }

  get link(): Code {
    const { after } = this.#place;
    return pcOf(this.#frame, after + this.#part.length * RECORD_BYTES_PER_BYTE);
  }

  keep(value: Code): Code {
    const local = this.#frame.temporary(this.temporaries++);
    this.#code.push(local.set(value));
    return local.get;
  }

  rd(value: Code): void {
    const at = i32.load16_u(this.#frame.record.get, this.#place.after + RECORD.rd);
    const { result } = this.#frame;
    this.#code.push(
      this.#place.keepsResult
        ? [result.set(value), i64.store(at, result.get)]
        : i64.store(at, value),
    );
  }

  requireFloat(): void {
    const status = i32.load(i32.const(0), fieldOffset.mstatus);
    this.#code.push(
      when(i32.eqz(i32.and(status, i32.const(MSTATUS.FS))), this.#event("illegal")),
    );
  }

  rounding(): Code {
    const { record, rounding } = this.#frame;
    const dynamic = i32.shr_u(i32.load(i32.const(0), fieldOffset.fcsr), i32.const(FRM_SHIFT));
    this.#code.push(
      rounding.set(i32.load(record.get, this.#place.after + RECORD.imm)),
      when(i32.eq(rounding.get, i32.const(DYNAMIC_ROUNDING)), rounding.set(dynamic)),
      when(i32.gt_u(rounding.get, i32.const(ROUNDING.nearestMaximum)), this.#event("illegal")),
    );
    return rounding.get;
  }

  float(routine: FloatRoutine, rounding: Code, ...operands: readonly Code[]): Code {
    return call(this.#frame.float.routines[routine], ...operands, rounding);
  }

  raise(flags: Code): void {
    this.#code.push(call(this.#frame.float.raise, flags));
  }

  fd(value: Code): void {
    this.rd(value);
    const status = i32.load(i32.const(0), fieldOffset.mstatus);
    const dirty = i32.const(MSTATUS.FS);
    this.#code.push(
      when(
        i32.ne(i32.and(status, dirty), dirty),
        i32.store(i32.const(0), i32.or(status, dirty), fieldOffset.mstatus),
      ),
    );
  }

  load(address: Code, width: Width, extend: "signed" | "unsigned"): Code {
    this.#locate(READ_TLB, width, address, this.#call(this.#frame.slow.load, i32.const(width)));
    return loadOf(width, extend)(this.#frame.host.get);
  }

  store(address: Code, width: Width, value: Code): void {
    const { host, slow } = this.#frame;
    const write = storeOf(width)(host.get, value);
    const slowly: Code[] = [
      i64.store(i32.const(0), value, VALUE),
      this.#call(slow.store, i32.const(width)),
    ];
    // The store may have changed the instruction of the next part: its record must be looked at again.
    if (!this.#place.last) {
      slowly.push(host.set(this.#frame.outcome.get), write, this.#proceed());
    }
    this.#locate(WRITE_TLB, width, address, slowly);
    this.#code.push(write);
  }

  branch(condition: Code): void {
    this.#code.push(when(condition, this.#relative()));
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
    const reserve = makeReservation(address.get, host.get, width);
    this.#locate(READ_TLB, width, this.rs1, this.#call(slow.reserve, i32.const(width)), reserve);
    return loadOf(width, "signed")(host.get);
  }

  storeConditional(width: 4 | 8): Code {
    const { address, outcome, host, slow } = this.#frame;
    const slowly = this.#call(slow.conditional, i32.const(width));
    // Found by the TLB or not, a place is no answer of the slow path before it is known to be reserved.
    this.#locate(WRITE_TLB, width, this.rs1, slowly, [
      when(
        hasReservation(address.get, host.get, width),
        [endReservation(), outcome.set(host.get)],
        slowly,
      ),
    ]);
    this.#code.push(
      when(
        i32.ne(outcome.get, i32.const(FAILED)),
        storeOf(width)(outcome.get, this.rs2),
      ),
    );
    return i64.extend_u(i32.eq(outcome.get, i32.const(FAILED)));
  }

  csr(operation: CsrOperation, operand: Code): Code {
    const { record, outcome, slow } = this.#frame;
    const number = i32.shr_u(i32.load(record.get, RECORD.bits), i32.const(20));
    const value = this.keep(operand);
    this.#code.push(when(
      switchesInterrupts(operation, number, value),
      [
        i64.store(i32.const(0), statusValue(), VALUE),
        switchInterrupts(operation, value),
        outcome.set(i32.const(DONE)),
      ],
      [
        i64.store(i32.const(0), value, VALUE),
        this.#call(slow.csr, i32.const(csrOperations.indexOf(operation)), record.get),
      ],
    ));
    this.#mayRedirect = true;
    return i64.load(i32.const(0), VALUE);
  }

  system(event: SystemEvent): void {
    if (event === "sfence.vma") {
      this.#code.push(when(i32.eqz(mayFence()), this.#event(event)));
      return;
    }
    this.#code.push(this.#event(event));
    this.#mayRedirect = true;
  }

  #event(event: SystemEvent): Code {
    return this.#call(
      this.#frame.slow.system,
      i32.const(systemEvents.indexOf(event)),
      this.#frame.record.get,
    );
  }

  /**
   * Sets `host` to where the bytes at an address are, by the TLB or by the slow path.
   * @param found What to do when the TLB has it.
   */
  #locate(tlb: number, width: Width, at: Code, slow: Code, found: Code = []): void {
    const { address, bank, host, outcome } = this.#frame;
    const hit = i64.eq(i64.load(host.get, tlb), tagOf(address.get, width));
    this.#code.push(
      address.set(at),
      host.set(i32.add(bank.get, entryOf(address.get))),
      when(
        hit,
        [
          host.set(i32.add(i32.wrap(address.get), i32.load(host.get, tlb + ENTRY_VALUE))),
          found,
        ],
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

  #register(operand: number): Code {
    return i64.load(i32.load16_u(this.#frame.record.get, this.#place.after + operand));
  }

  #relative(): Code {
    const { record, target, dispatch, lookup } = this.#frame;
    const { after } = this.#place;
    if (!this.#part.near) return [target.set(i64.add(this.pc, this.imm)), br(lookup)];
    const way = i32.load(record.get, after + RECORD.imm);
    const from = after === 0 ? record.get : i32.add(record.get, i32.const(after));
    const count = this.#frame.count;
    const go = record.set(i32.add(from, way));
    if (count.length === 0) return [go, br(dispatch)];
    // A way back is likely a loop.
    const { outcome } = this.#frame;
    return [
      outcome.set(i32.lt_s(way, i32.const(0))),
      go,
      when(outcome.get, count),
      br(dispatch),
    ];
  }

  #proceed(): Code {
    return proceed(this.#frame, this.#place.after + this.#part.length * RECORD_BYTES_PER_BYTE);
  }
}

/** How the low bytes at a place in memory are loaded, extended to 64 bits. */
export function loadOf(width: Width, extend: "signed" | "unsigned"): (address: Code) => Code {
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

/** How the low bytes of a value are stored at a place in memory. */
export function storeOf(width: Width): (address: Code, value: Code) => Code {
  return { 1: i64.store8, 2: i64.store16, 4: i64.store32, 8: i64.store }[width];
}
