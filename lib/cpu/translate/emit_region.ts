/** Third pass, emitting: a region as a function of WebAssembly. */
import {
  block,
  br,
  brTable,
  call,
  type Code,
  i32,
  i64,
  Label,
  leave,
  type Local,
  returnCallIndirect,
  unlikely,
  when,
} from "../../wasm/code.ts";
import { FunctionBuilder, type ModuleBuilder } from "../../wasm/module.ts";
import { fieldOffset } from "../hart_block.ts";
import { DATA_BANK, FETCH_BANK, FETCH_TLB, PAGE_BYTES, REMAINING } from "../layout.ts";
import { PSEUDO } from "../operations.ts";
import { MSTATUS } from "../privilege.ts";
import { RECORD } from "../record.ts";
import { REGION_SIGNATURE } from "../region_signature.ts";
import { FRM_SHIFT } from "../soft_float_parts.ts";
import { entryOf, modeOf, recordOf, tagOf } from "../tlb_emission.ts";
import {
  emitInstruction,
  exitTo,
  type Outcome,
  type RegionFrame,
  type RegionImports,
  stopAt,
} from "./instruction_emission.ts";
import { type Block, endingOf, type Region, targetOf } from "./region.ts";
import type { RegionNotes } from "./notes.ts";
import { codeOf } from "./loops.ts";
import { Registers } from "./registers.ts";
import { microEntries } from "./steady.ts";
import { DISPATCHER, shapeOf, structure, withCopiedEntries } from "./structure.ts";

/**
 * Adds the function of a region to a module and answers its index. It leaves the hart's state, with pc and the steps
 * left, in memory.
 * @param notes Is filled in for people who read translations.
 */
export function emitRegion(
  module: ModuleBuilder,
  region: Region,
  imports: RegionImports,
  notes?: RegionNotes,
): number {
  const builder = new FunctionBuilder(REGION_SIGNATURE);
  const instructions = codeOf(region);
  const [target, remaining] = builder.parameters as [Local, Local];
  const frame: RegionFrame = {
    builder,
    registers: new Registers(builder, instructions),
    ...{ remaining, target, imports },
    base: builder.local("i64"),
    bank: builder.local("i32"),
    microEntries: microEntries(instructions),
    mode: builder.local("i64"),
    address: builder.local("i64"),
    host: builder.local("i32"),
    floatStatus: builder.local("i32"),
    dynamicRounding: builder.local("i32"),
    exit: new Label(),
    stop: new Label(),
    halt: new Label(),
  };
  const entry = builder.local("i32");
  const isDone = builder.local("i32");
  const code = new RegionCode(frame, region, entry, notes).emit();
  const { base, registers, bank, floatStatus, dynamicRounding, exit, stop, halt } = frame;
  const status = i32.load(i32.const(0), fieldOffset.mstatus);
  const body: Code = [
    base.set(i64.and(target.get, i64.const(-PAGE_BYTES))),
    bank.set(i32.load(i32.const(0), DATA_BANK)),
    frame.mode.set(modeOf(bank.get)),
    floatStatus.set(i32.and(status, i32.const(MSTATUS.FS))),
    dynamicRounding.set(
      i32.shr_u(i32.load(i32.const(0), fieldOffset.fcsr), i32.const(FRM_SHIFT)),
    ),
    registers.fill,
    block(halt, [
      block(stop, [
        block(exit, code),
        notes?.mark({ kind: "leave" }) ?? "",
        registers.spill,
        chain(frame, module.typeIndex(REGION_SIGNATURE)),
        handOver(frame),
        leave,
      ]),
      isDone.set(i32.const(1)),
    ]),
    notes?.mark({ kind: "stop" }) ?? "",
    registers.spill,
    when(isDone.get, handOver(frame), call(imports.finish)),
  ];
  notes?.name({ target, remaining, base, bank, floatStatus, dynamicRounding, entry });
  notes?.name({ mode: frame.mode, address: frame.address, host: frame.host, ...registers.byName });
  return module.addFunction(builder, body);
}

/** Puts into memory where to go on, and the steps that are left. */
function handOver({ target, remaining }: RegionFrame): Code {
  return [
    i64.store(i32.const(0), target.get, fieldOffset.pc),
    i32.store(i32.const(0), remaining.get, REMAINING),
  ];
}

/**
 * Goes on in the region that is entered at `target`, if there is one. It is looked for where the interpreter looks:
 * so it is valid whenever the fetch TLB and the decoded record are.
 */
function chain({ target, remaining, host }: RegionFrame, type: number): Code {
  return [
    host.set(i32.add(i32.load(i32.const(0), FETCH_BANK), entryOf(target.get))),
    when(i64.eq(i64.load(host.get, FETCH_TLB), tagOf(target.get, 1)), [
      host.set(recordOf(host.get, target.get)),
      when(
        i32.eq(i32.load16_u(host.get, RECORD.operation), i32.const(PSEUDO.region)),
        returnCallIndirect(type, i32.load(host.get, RECORD.bits), target.get, remaining.get),
      ),
    ]),
  ];
}

/** The blocks of a region as nodes of a graph, from 1. */
class RegionCode {
  readonly #frame: RegionFrame;
  readonly #region: Region;
  readonly #blocks: readonly Block[];
  readonly #nodes: ReadonlyMap<number, number>;
  /** Where in the page the dispatcher goes to. */
  readonly #entry: Local;
  /** Jumps to an address in a register may stay inside. */
  readonly #staysInside: boolean;
  readonly #notes: RegionNotes | undefined;

  constructor(frame: RegionFrame, region: Region, entry: Local, notes: RegionNotes | undefined) {
    this.#frame = frame;
    this.#region = region;
    this.#blocks = [...region.blocks.values()];
    this.#nodes = new Map(this.#blocks.map(({ start }, index) => [start, index + 1]));
    this.#entry = entry;
    this.#notes = notes;
    this.#staysInside = region.entries.length > 1;
  }

  emit(): Code {
    const entries = this.#region.entries.map((start) => this.#nodes.get(start)!);
    const graph = withCopiedEntries({
      successors: [entries, ...this.#blocks.map((block) => this.#successors(block))],
    });
    const blocks = new Map(this.#blocks.map((block, index) => [index + 1, block]));
    for (const [entry, copy] of graph.copies ?? []) blocks.set(copy, blocks.get(entry)!);
    const code = structure(graph, shapeOf(graph), {
      emit: (node, way) => this.#block(blocks.get(node)!, way),
      select: (labels) =>
        this.#select(
          new Map(Array.from(labels, ([node, label]) => [blocks.get(node)!.start, label])),
        ),
      dispatch: (node) => this.#entry.set(i32.const(blocks.get(node)!.start)),
    });
    const { target } = this.#frame;
    return [this.#entry.set(i32.and(i32.wrap(target.get), i32.const(PAGE_BYTES - 1))), code];
  }

  #successors({ instructions, end }: Block): number[] {
    const last = instructions.at(-1)!;
    const offsets = {
      falls: [end],
      branches: [targetOf(last), end],
      jumps: [targetOf(last)],
      jumpsTo: [],
    }[endingOf(last)];
    const nodes = offsets.flatMap((offset) => this.#nodes.get(offset) ?? []);
    return endingOf(last) === "jumpsTo" && this.#staysInside ? [DISPATCHER] : nodes;
  }

  #block(block: Block, way: (node: number) => Code): Code {
    const { remaining } = this.#frame;
    const { instructions, start } = block;
    const steps = instructions.length;
    const code: Code[] = [
      this.#notes?.mark({ kind: "block", steps }) ?? "",
      when(unlikely(i32.lt_s(remaining.get, i32.const(steps))), stopAt(this.#frame, start)),
      remaining.set(i32.sub(remaining.get, i32.const(steps))),
    ];
    const known = { floatIsOn: false, floatIsDirty: false, roundingIsLegal: false };
    let outcome: Outcome = { kind: "next" };
    instructions.forEach((placed, index) => {
      const emitted = emitInstruction(this.#frame, placed, steps - 1 - index, known);
      code.push(this.#notes?.mark({ kind: "instruction", placed }) ?? "", emitted.code);
      outcome = emitted.outcome;
    });
    code.push(this.#goOn(block, outcome, way));
    return code;
  }

  #goOn({ instructions, end }: Block, outcome: Outcome, way: (node: number) => Code): Code {
    const last = instructions.at(-1)!;
    const wayTo = (offset: number): Code => {
      const node = this.#nodes.get(offset);
      return node === undefined ? exitTo(this.#frame, offset) : way(node);
    };
    switch (outcome.kind) {
      case "next":
        return wayTo(end);
      case "jump":
        return wayTo(targetOf(last));
      case "branch":
        return [
          when(outcome.condition, wayTo(targetOf(last))),
          this.#notes?.mark({ kind: "instruction", placed: last }) ?? "",
          wayTo(end),
        ];
      case "jumpTo":
        return this.#jumpTo(outcome.target, way);
    }
  }

  #jumpTo(address: Code, way: (node: number) => Code): Code {
    const { target, base, exit } = this.#frame;
    if (!this.#staysInside) return [target.set(address), br(exit)];
    const offset = i64.sub(target.get, base.get);
    return [
      target.set(address),
      when(i64.ge_u(offset, i64.const(PAGE_BYTES)), br(exit)),
      this.#entry.set(i32.wrap(offset)),
      way(DISPATCHER),
    ];
  }

  /** Goes to the block at `entry`, or leaves for `target` if none is. */
  #select(labels: ReadonlyMap<number, Label>): Code {
    const first = Math.min(...labels.keys());
    const places: Label[] = Array.from(
      { length: (Math.max(...labels.keys()) - first) / 2 + 1 },
      () => this.#frame.exit,
    );
    for (const [start, label] of labels) places[(start - first) / 2] = label;
    const index = i32.shr_u(i32.sub(this.#entry.get, i32.const(first)), i32.const(1));
    return brTable(index, places, this.#frame.exit);
  }
}
