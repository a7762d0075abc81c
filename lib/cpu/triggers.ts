/**
 * Triggers: instructions and accesses at which a debugger wants to be told. Like caches they change nothing
 * that the guest can notice (design invariant 9), and where none is armed the hart runs at full speed: an
 * armed instruction has a decoded record of its own kind, and an armed page is in no TLB of loads and stores.
 */
import { PAGE_BYTES } from "./layout.ts";

/** What a trigger waits for; addresses are virtual, in whatever address space. */
export type TriggerKind = "execute" | "load" | "store" | "access";

/** One trigger. */
export interface Trigger {
  /** What it waits for. */
  readonly kind: TriggerKind;
  /** Virtual address, unsigned. */
  readonly address: bigint;
  /** Bytes of memory; what is executed must begin at the address. */
  readonly length: number;
}

/** What has pulled a trigger. */
export interface TriggerHit {
  /** The trigger. */
  readonly trigger: Trigger;
  /** Steps before the instruction. One that executes has not been executed, one that accesses is going to be. */
  readonly step: number;
}

/** Told of each hit; answers whether the hart stops: before the instruction, or after one that accesses. */
export type TriggerListener = (hit: TriggerHit) => boolean;

/** Most bytes that one trigger waits for. */
export const TRIGGER_BYTES_LIMIT = 1 << 16;

const PAGE_NUMBER_BITS = 12n;
const KINDS_OF = { load: ["load", "access"], store: ["store", "access"] } as const;

/** The triggers of a hart. */
export class Triggers {
  /** Whether the hart stops, or has stopped, because of one. */
  stopped = false;
  #watches: readonly Trigger[] = [];
  readonly #watchedPages = new Set<bigint>();
  /** Triggers of instructions, by page and then by offset in the page. */
  readonly #executed = new Map<bigint, Map<number, Trigger>>();
  #listener: TriggerListener = () => false;

  /** Replaces all. What has been cached without them must be dropped. */
  arm(triggers: readonly Trigger[], listener: TriggerListener): void {
    this.#listener = listener;
    this.#watchedPages.clear();
    this.#executed.clear();
    this.#watches = triggers.filter(({ kind }) => kind !== "execute");
    for (const { address, length } of this.#watches) {
      const last = address + BigInt(length - 1) >> PAGE_NUMBER_BITS;
      for (let page = address >> PAGE_NUMBER_BITS; page <= last; page++) {
        this.#watchedPages.add(page);
      }
    }
    for (const trigger of triggers) {
      if (trigger.kind !== "execute") continue;
      const page = trigger.address >> PAGE_NUMBER_BITS;
      const offsets = this.#executed.get(page) ?? new Map<number, Trigger>();
      offsets.set(Number(trigger.address % BigInt(PAGE_BYTES)), trigger);
      this.#executed.set(page, offsets);
    }
  }

  /** Where in the page of a virtual address instructions are armed. */
  offsetsIn(address: bigint): Iterable<number> | undefined {
    if (this.#executed.size === 0) return undefined;
    return this.#executed.get(address >> PAGE_NUMBER_BITS)?.keys();
  }

  /** Whether loads from and stores to the page of a virtual address must all be looked at. */
  watchesPage(address: bigint): boolean {
    return this.#watchedPages.has(address >> PAGE_NUMBER_BITS);
  }

  /** Whether there is any. */
  get armed(): boolean {
    return this.#watches.length > 0 || this.#executed.size > 0;
  }

  /** Whether any access is watched. */
  get watching(): boolean {
    return this.#watchedPages.size > 0;
  }

  /** An instruction is about to be executed. Answers whether the hart stops. */
  executing(address: bigint, step: number): boolean {
    const trigger = this.#executed.get(address >> PAGE_NUMBER_BITS)
      ?.get(Number(address % BigInt(PAGE_BYTES)));
    return trigger !== undefined && this.#tell({ trigger, step });
  }

  /** An instruction is accessing memory, and will not trap. Answers whether the hart stops after it. */
  accessing(
    kinds: readonly ("load" | "store")[],
    at: bigint,
    width: number,
    step: number,
  ): boolean {
    let stops = false;
    for (const trigger of this.#watches) {
      const { address, length } = trigger;
      if (at >= address + BigInt(length) || address >= at + BigInt(width)) continue;
      if (!kinds.some((kind) => KINDS_OF[kind].some((known) => known === trigger.kind))) continue;
      if (this.#tell({ trigger, step })) stops = true;
    }
    return stops;
  }

  #tell(hit: TriggerHit): boolean {
    const stops = this.#listener(hit);
    if (stops) this.stopped = true;
    return stops;
  }
}
