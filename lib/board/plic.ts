/**
 * PLIC (RISC-V PLIC specification 1.0.0) with 96 level-triggered sources and 7 priorities; context 0 is
 * M mode of hart 0, context 1 its S mode.
 *
 * A line that rises makes its source pending until it is claimed, also when it falls before that; one
 * that is high at completion is pending again (specification, "Interrupt Gateways").
 */
import type { BusDevice } from "./bus.ts";
import type { FieldAllocator, FieldArray, Fields } from "./fields.ts";
import { interruptSources } from "./memory_map.ts";

const words = Math.ceil((interruptSources + 1) / 32);

/** Priorities are WARL: three bits. */
const priorityMask = 7;

const fields = {
  priority: ["byte", interruptSources + 1],
  line: ["word", words],
  pending: ["word", words],
  claimed: ["word", words],
  enableMachine: ["word", words],
  enableSupervisor: ["word", words],
  threshold: ["byte", 2],
} as const;

/** Bits of `mip` that the contexts drive: MEIP, SEIP. */
const contextBits = [11, 9] as const;

const layout = {
  pending: 0x1000,
  enable: 0x2000,
  enableStride: 0x80,
  context: 0x20_0000,
  contextStride: 0x1000,
} as const;

/** Bits of source 0 and of those beyond the last do not exist. */
function existing(word: number): number {
  if (word === 0) return 0xffff_fffe;
  const left = interruptSources + 1 - word * 32;
  return left >= 32 ? 0xffff_ffff : (2 ** left - 1) >>> 0;
}

/** The interrupt controller. */
export class Plic implements BusDevice {
  readonly #fields: Fields<typeof fields>;
  readonly #enables: readonly [FieldArray, FieldArray];
  readonly #setInterrupt: (bit: 11 | 9, level: boolean) => void;

  /** `setInterrupt` drives MEIP (11) and SEIP (9) of the hart's `mip`. */
  constructor(allocator: FieldAllocator, setInterrupt: (bit: 11 | 9, level: boolean) => void) {
    this.#fields = allocator.place("plic", fields);
    this.#enables = [this.#fields.values.enableMachine, this.#fields.values.enableSupervisor];
    this.#setInterrupt = setInterrupt;
  }

  /** A device's interrupt line. */
  setLine(source: number, level: boolean): void {
    const { line, pending, claimed } = this.#fields.values;
    const word = source >>> 5;
    const bit = 1 << (source & 31);
    const before = line.get(word);
    const after = (level ? before | bit : before & ~bit) >>> 0;
    if (after === before) return;
    line.set(word, after);
    // While a source is claimed its gateway passes nothing on.
    if (!level || (claimed.get(word) & bit) !== 0) return;
    pending.set(word, (pending.get(word) | bit) >>> 0);
    this.drive();
  }

  load(offset: number): number {
    const { priority, pending, threshold } = this.#fields.values;
    if (offset < layout.pending) {
      return offset >>> 2 <= interruptSources ? priority.get(offset >>> 2) : 0;
    }
    if (offset < layout.enable) {
      const word = (offset - layout.pending) >>> 2;
      return word < words ? pending.get(word) : 0;
    }
    if (offset < layout.context) {
      const context = Math.floor((offset - layout.enable) / layout.enableStride);
      const word = (offset % layout.enableStride) >>> 2;
      return word < words ? this.#enables[context]?.get(word) ?? 0 : 0;
    }
    const context = Math.floor((offset - layout.context) / layout.contextStride);
    if (context > 1) return 0;
    switch (offset % layout.contextStride) {
      case 0:
        return threshold.get(context);
      case 4:
        return this.#claim(context);
      default:
        return 0;
    }
  }

  store(offset: number, _size: number, value: number): void {
    const { priority, threshold } = this.#fields.values;
    if (offset < layout.pending) {
      const source = offset >>> 2;
      if (source > 0 && source <= interruptSources) priority.set(source, value & priorityMask);
    } else if (offset >= layout.enable && offset < layout.context) {
      const context = Math.floor((offset - layout.enable) / layout.enableStride);
      const word = (offset % layout.enableStride) >>> 2;
      if (word < words) this.#enables[context]?.set(word, (value & existing(word)) >>> 0);
    } else if (offset >= layout.context) {
      const context = Math.floor((offset - layout.context) / layout.contextStride);
      if (context > 1) return;
      if (offset % layout.contextStride === 0) threshold.set(context, value & priorityMask);
      if (offset % layout.contextStride === 4) this.#complete(context, value);
    }
    this.drive();
  }

  /** Back to the state of power-on, in which sources are pending whose lines are high. */
  reset(): void {
    const { line, pending } = this.#fields.values;
    const lines = Array.from({ length: words }, (_, word) => line.get(word));
    this.#fields.clear();
    lines.forEach((level, word) => {
      line.set(word, level);
      pending.set(word, level);
    });
    this.drive();
  }

  /** Puts the contexts' levels on the hart's lines. */
  drive(): void {
    contextBits.forEach((bit, context) => this.#setInterrupt(bit, this.#best(context) !== 0));
  }

  /** The source that a claim would give: highest priority, then lowest number; 0 for none. */
  #best(context: number): number {
    const { priority, pending, threshold } = this.#fields.values;
    let best = 0;
    let bestPriority = threshold.get(context);
    for (let word = 0; word < words; word++) {
      let candidates = pending.get(word) & this.#enables[context]!.get(word);
      while (candidates !== 0) {
        const bit = 31 - Math.clz32(candidates & -candidates);
        candidates &= candidates - 1;
        const source = word * 32 + bit;
        if (priority.get(source) > bestPriority) {
          best = source;
          bestPriority = priority.get(source);
        }
      }
    }
    return best;
  }

  #claim(context: number): number {
    const { pending, claimed } = this.#fields.values;
    const source = this.#best(context);
    if (source !== 0) {
      const word = source >>> 5;
      const bit = 1 << (source & 31);
      pending.set(word, (pending.get(word) & ~bit) >>> 0);
      claimed.set(word, (claimed.get(word) | bit) >>> 0);
      this.drive();
    }
    return source;
  }

  /** Completion of a source that is not enabled for the context is ignored (specification, "Completion"). */
  #complete(context: number, source: number): void {
    if (source < 1 || source > interruptSources) return;
    const word = source >>> 5;
    const bit = 1 << (source & 31);
    if ((this.#enables[context]!.get(word) & bit) === 0) return;
    const { line, pending, claimed } = this.#fields.values;
    if ((claimed.get(word) & bit) === 0) return;
    claimed.set(word, (claimed.get(word) & ~bit) >>> 0);
    pending.set(word, (pending.get(word) | (line.get(word) & bit)) >>> 0);
  }
}
