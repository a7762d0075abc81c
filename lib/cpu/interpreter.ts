/**
 * The interpreter: one WebAssembly function, generated from the instruction table.
 *
 * ```text
 * enter:    read pc, TLB banks and remaining steps from memory
 * lookup:   find the decoded page of the target in the fetch TLB, or ask the slow path
 * dispatch: charge a step, or return when there are none left; branch on the record's operation
 * ```
 *
 * A slow path that wants the hart's attention sets REMAINING to 0: the budget check sees it before the next
 * instruction, at no cost to anything else.
 */
import {
  block,
  br,
  brIf,
  brTable,
  call,
  callIndirect,
  type Code,
  i32,
  i64,
  Label,
  leave,
  type Local,
  loop,
  when,
} from "../wasm/code.ts";
import { FunctionBuilder, ModuleBuilder, type Signature } from "../wasm/module.ts";
import { fieldOffset } from "./hart_block.ts";
import {
  ADDRESS,
  DATA_BANK,
  FETCH_BANK,
  FETCH_TLB,
  HEAT,
  HEAT_COUNTERS,
  HOT_AT,
  REMAINING,
} from "./layout.ts";
import { operations, PSEUDO } from "./operations.ts";
import { emitHandler, pcOf } from "./record_emission.ts";
import type { Frame } from "./record_emission.ts";
import { RECORD } from "./record.ts";
import { REGION_SIGNATURE } from "./region_signature.ts";
import { entryOf, recordOf, tagOf } from "./tlb_emission.ts";
import { addOutOfLine } from "./out_of_line.ts";
import { addFloatFunctions } from "./soft_float.ts";

/** What the interpreter calls when it cannot go on by itself. See `slow_paths.ts`. */
export interface InterpreterImports {
  /** Where to load from, or {@linkcode RELOAD}. */
  load(width: number): number;
  /** Where to store the value in VALUE, or {@linkcode RELOAD}. */
  store(width: number): number;
  /** Where to load from and store to, or {@linkcode RELOAD}. */
  atomic(width: number): number;
  /** Where to load from, or {@linkcode RELOAD}; makes the reservation. */
  reserve(width: number): number;
  /** Where to store, or {@linkcode FAILED}, or {@linkcode RELOAD}; ends the reservation. */
  conditional(width: number): number;
  /** Executes a CSR instruction; operand and old value are in VALUE. */
  csr(operation: number, record: number): number;
  /** Executes a privileged instruction. */
  system(event: number, record: number): number;
  /**
   * Makes the page at pc present in the fetch TLB, or traps, and answers {@linkcode RELOAD}; or answers the record
   * of the instruction at pc, for one execution.
   */
  fetch(): number;
  /** Decodes the record. */
  decode(record: number): void;
  /** The record of the page-crossing instruction at pc, for one execution, or {@linkcode RELOAD} after a trap. */
  crossing(record: number): number;
  /** The same for the instruction at pc, for which a debugger waits; RELOAD also where the hart stops. */
  trigger(record: number): number;
}

const takesOne: Signature = { parameters: ["i32"], results: ["i32"] };
const takesTwo: Signature = { parameters: ["i32", "i32"], results: ["i32"] };

/** What makes an interpreter enter translated code. */
export interface TranslationImports {
  /** Told that the code of a record is hot. */
  hot(record: number): void;
  /** The record of the instruction at pc, at which a region begins that had too few steps, for one execution. */
  head(record: number): number;
}

/**
 * Builds the module.
 * @param memory What it works on.
 * @param translating It counts how often code is executed and enters translated regions.
 */
export function generateInterpreter(
  memory: WebAssembly.Memory,
  translating: boolean,
): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(memory);
  const imports = {
    load: module.importFunction("load", takesOne),
    store: module.importFunction("store", takesOne),
    atomic: module.importFunction("atomic", takesOne),
    reserve: module.importFunction("reserve", takesOne),
    conditional: module.importFunction("conditional", takesOne),
    csr: module.importFunction("csr", takesTwo),
    system: module.importFunction("system", takesTwo),
  };
  const fetch = module.importFunction("fetch", { parameters: [], results: ["i32"] });
  const decode = module.importFunction("decode", { parameters: ["i32"], results: [] });
  const crossing = module.importFunction("crossing", takesOne);
  const trigger = module.importFunction("trigger", takesOne);
  const hot = module.importFunction("hot", { parameters: ["i32"], results: [] });
  const head = module.importFunction("head", takesOne);
  module.importTable();
  const synchronise = addSynchronise(module);
  const float = addFloatFunctions(module);

  const builder = new FunctionBuilder({ parameters: [], results: [] });
  const record = builder.local("i32");
  const heat = builder.local("i32");
  const frame: Frame = {
    temporary: temporaries(builder),
    record,
    count: translating ? count(record, heat, hot) : [],
    remaining: builder.local("i32"),
    pcBase: builder.local("i64"),
    bank: builder.local("i32"),
    target: builder.local("i64"),
    address: builder.local("i64"),
    host: builder.local("i32"),
    result: builder.local("i64"),
    outcome: builder.local("i32"),
    rounding: builder.local("i32"),
    dispatch: new Label(),
    lookup: new Label(),
    enter: new Label(),
    slow: { ...imports, synchronise },
    float,
  };
  const handlers: Code[] = [];
  handlers[PSEUDO.undecoded] = undecoded(frame, decode);
  handlers[PSEUDO.pageEnd] = pageEnd(frame);
  handlers[PSEUDO.crossing] = singleHandler(frame, crossing);
  handlers[PSEUDO.trigger] = singleHandler(frame, trigger);
  handlers[PSEUDO.region] = regionHandler(frame, module.typeIndex(REGION_SIGNATURE), head);
  for (const operation of operations) handlers.push(emitHandler(frame, operation));
  module.addFunction(builder, interpreterBody(frame, handlers, fetch), "run");
  if (translating) {
    for (const [name, index] of Object.entries(float.routines)) module.exportFunction(index, name);
    module.exportFunction(float.raise, "raise");
    addOutOfLine(module, imports);
  }
  return module.encode();
}

function addSynchronise(module: ModuleBuilder): number {
  const builder = new FunctionBuilder({ parameters: ["i64", "i64", "i32"], results: [] });
  const [address, pc, remaining] = builder.parameters as [Local, Local, Local];
  return module.addFunction(builder, [
    i64.store(i32.const(0), address.get, ADDRESS),
    i64.store(i32.const(0), pc.get, fieldOffset.pc),
    i32.store(i32.const(0), remaining.get, REMAINING),
  ]);
}

function interpreterBody(frame: Frame, handlers: readonly Code[], fetch: number): Code {
  const { remaining, target, bank, enter, lookup } = frame;
  return loop(enter, [
    remaining.set(i32.load(i32.const(0), REMAINING)),
    target.set(i64.load(i32.const(0), fieldOffset.pc)),
    bank.set(i32.load(i32.const(0), DATA_BANK)),
    loop(lookup, [
      lookUp(frame, fetch),
      dispatchLoop(frame, handlers),
    ]),
  ]);
}

function lookUp(frame: Frame, fetch: number): Code {
  const { record, remaining, pcBase, target, host, outcome, enter } = frame;
  const miss: Code = [
    i64.store(i32.const(0), target.get, fieldOffset.pc),
    i32.store(i32.const(0), remaining.get, REMAINING),
    when(i32.eqz(remaining.get), leave),
    outcome.set(call(fetch)),
    brIf(enter, i32.eqz(outcome.get)),
    remaining.set(i32.load(i32.const(0), REMAINING)),
    record.set(outcome.get),
  ];
  const hit: Code = [
    record.set(recordOf(host.get, target.get)),
    frame.count,
  ];
  return [
    host.set(i32.add(i32.load(i32.const(0), FETCH_BANK), entryOf(target.get))),
    when(
      i64.ne(i64.load(host.get, FETCH_TLB), tagOf(target.get, 1)),
      miss,
      hit,
    ),
    pcBase.set(i64.sub(target.get, i64.extend_u(i32.shr_u(record.get, i32.const(3))))),
  ];
}

function dispatchLoop(frame: Frame, handlers: readonly Code[]): Code {
  const { record, remaining, dispatch } = frame;
  const labels = handlers.map(() => new Label());
  const impossible = labels[0]!;
  let body: Code = brTable(i32.load16_u(record.get), labels, impossible);
  handlers.forEach((handler, index) => {
    body = [block(labels[index]!, body), handler];
  });
  return loop(dispatch, [
    when(i32.eqz(remaining.get), [
      i64.store(i32.const(0), pcOf(frame), fieldOffset.pc),
      i32.store(i32.const(0), i32.const(0), REMAINING),
      leave,
    ]),
    remaining.set(i32.sub(remaining.get, i32.const(1))),
    body,
  ]);
}

/** Gives back the step that dispatch has charged for what is no instruction. */
function uncharge({ remaining }: Frame): Code {
  return remaining.set(i32.add(remaining.get, i32.const(1)));
}

function undecoded(frame: Frame, decode: number): Code {
  return [uncharge(frame), call(decode, frame.record.get), br(frame.dispatch)];
}

function pageEnd(frame: Frame): Code {
  return [uncharge(frame), frame.target.set(pcOf(frame)), br(frame.lookup)];
}

/** Executes a record that a slow path makes for one execution. */
function singleHandler(frame: Frame, slowPath: number): Code {
  const { record, remaining, pcBase, address, outcome, dispatch, enter, slow } = frame;
  return [
    call(slow.synchronise, address.get, pcOf(frame), remaining.get),
    outcome.set(call(slowPath, record.get)),
    remaining.set(i32.load(i32.const(0), REMAINING)),
    brIf(enter, i32.eqz(outcome.get)),
    record.set(outcome.get),
    pcBase.set(
      i64.sub(
        i64.load(i32.const(0), fieldOffset.pc),
        i64.extend_u(i32.shr_u(record.get, i32.const(3))),
      ),
    ),
    uncharge(frame),
    br(dispatch),
  ];
}

/** Runs a translated region; one that could do nothing leaves its first instruction to a record of its own. */
function regionHandler(frame: Frame, type: number, head: number): Code {
  const { record, remaining, pcBase, outcome, enter, dispatch } = frame;
  const pc = i64.load(i32.const(0), fieldOffset.pc);
  return [
    uncharge(frame),
    callIndirect(type, i32.load(record.get, RECORD.bits), pcOf(frame), remaining.get),
    outcome.set(remaining.get),
    brIf(enter, i32.ne(outcome.get, i32.load(i32.const(0), REMAINING))),
    outcome.set(call(head, record.get)),
    record.set(outcome.get),
    pcBase.set(i64.sub(pc, i64.extend_u(i32.shr_u(record.get, i32.const(3))))),
    br(dispatch),
  ];
}

/** Counts how often the record is gone to, and tells when that makes it hot. */
function count(record: Local, heat: Local, hot: number): Code {
  const index = i32.and(
    i32.shr_u(record.get, i32.const(2)),
    i32.const((HEAT_COUNTERS - 1) * 4),
  );
  const counted = i32.load(heat.get, HEAT);
  return [
    heat.set(index),
    i32.store(heat.get, i32.add(counted, i32.const(1)), HEAT),
    when(i32.ge_s(counted, i32.load(i32.const(0), HOT_AT)), [
      i32.store(heat.get, i32.const(0), HEAT),
      call(hot, record.get),
    ]),
  ];
}

/** 64-bit locals that handlers share, by number. */
function temporaries(builder: FunctionBuilder): (index: number) => Local {
  const locals: Local[] = [];
  return (index) => locals[index] ??= builder.local("i64");
}
