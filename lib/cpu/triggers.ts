/**
 * Triggers: instructions and accesses at which a debugger wants to be told. Like caches they change nothing
 * that the guest can notice (design invariant 9), and where none is armed the hart runs at full speed: an
 * armed instruction has a decoded record of its own kind, and no TLB lets an access to an armed page pass.
 */
import { PAGE_BYTES, PAGE_WATCHED, RAM_BASE } from "./layout.ts";
import type { GuestMemory } from "./memory.ts";
import { WatchedPages } from "./watched_pages.ts";

/** What a trigger waits for. */
export type TriggerKind = "execute" | "load" | "store" | "access";

/** A part of RAM. */
export interface MemoryRange {
  /** Guest-physical address of the first byte. */
  readonly address: number;
  /** Bytes. */
  readonly length: number;
}

/** One trigger. */
export interface Trigger {
  /** What it waits for. */
  readonly kind: TriggerKind;
  /** Virtual address, unsigned, in whatever address space. */
  readonly address: bigint;
  /** Bytes of memory; what is executed must begin at the address. */
  readonly length: number;
  /** Where in RAM these bytes are, if that is known: accesses under another address pull it as well. */
  readonly memory?: readonly MemoryRange[];
}

/** Whether two wait for the same, wherever in RAM that is. */
export function areAlike(one: Trigger, other: Trigger): boolean {
  return one.kind === other.kind && one.address === other.address && one.length === other.length;
}

/** Who has pulled a trigger: an instruction, the walker of page tables, or a device (or what firmware there is). */
export type Accessor = "hart" | "walker" | "device";

/** What has pulled a trigger. */
export interface TriggerHit {
  /** The trigger. */
  readonly trigger: Trigger;
  /**
   * Steps before the one in which it happens. An instruction that executes has not been executed, one that accesses
   * is going to be; what a device delivers at the end of an epoch belongs to the epoch's last step.
   */
  readonly step: number;
  /** Who has pulled it. */
  readonly by: Accessor;
  /** The address that was accessed: an instruction's is virtual. */
  readonly accessed: bigint;
  /** Whether that is one of the trigger's virtual addresses. */
  readonly byAddress: boolean;
  /** Whether it is one of its places in RAM. */
  readonly inMemory: boolean;
}

/** Told of each hit; answers whether the hart stops: before the instruction, or after one that accesses. */
export type TriggerListener = (hit: TriggerHit) => boolean;

/** An instruction's access that will not trap. */
export interface HartAccess {
  /** What it does; a read-modify-write does both. */
  readonly kinds: readonly ("load" | "store")[];
  /** Virtual address. */
  readonly address: bigint;
  /** Bytes. */
  readonly width: number;
  /** Where in RAM it is, if it is there: in two pieces when it crosses pages. */
  readonly memory: readonly MemoryRange[];
}

/** Most bytes that one trigger waits for. */
export const TRIGGER_BYTES_LIMIT = 1 << 16;

const PAGE_NUMBER_BITS = 12n;
const KINDS_OF = { load: ["load", "access"], store: ["store", "access"] } as const;
const NEVER = -1;

/** The triggers of a hart. */
export class Triggers {
  /** Whether the hart stops, or has stopped, because of one. */
  stopped = false;
  readonly #memory: GuestMemory;
  #watches: readonly Trigger[] = [];
  readonly #watchedAddresses = new WatchedPages<bigint>();
  readonly #watchedMemory = new WatchedPages<number>();
  /** Triggers of instructions, by page and then by offset in the page. */
  readonly #executed = new Map<bigint, Map<number, Trigger>>();
  #listener: TriggerListener = () => false;
  #lastExecuted = NEVER;

  /** None, for a hart with this memory. */
  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  /** Replaces all. What has been cached without them must be dropped. */
  arm(triggers: readonly Trigger[], listener: TriggerListener): void {
    this.#listener = listener;
    this.begin();
    for (const page of this.#watchedMemory.pages) this.#memory.pageFlags[page]! &= ~PAGE_WATCHED;
    this.#watchedAddresses.clear();
    this.#watchedMemory.clear();
    this.#executed.clear();
    this.#watches = triggers.filter(({ kind }) => kind !== "execute");
    for (const { address, length, memory = [] } of this.#watches) {
      const first = address >> PAGE_NUMBER_BITS;
      const within = Number(address % BigInt(PAGE_BYTES));
      this.#watchedAddresses.add(within, length, (page) => first + BigInt(page));
      for (const range of memory) {
        const offset = range.address - RAM_BASE;
        const firstPage = Math.floor(offset / PAGE_BYTES);
        this.#watchedMemory.add(offset % PAGE_BYTES, range.length, (page) => firstPage + page);
      }
    }
    for (const page of this.#watchedMemory.pages) this.#memory.pageFlags[page]! |= PAGE_WATCHED;
    for (const trigger of triggers) {
      if (trigger.kind !== "execute") continue;
      const page = trigger.address >> PAGE_NUMBER_BITS;
      const offsets = this.#executed.get(page) ?? new Map<number, Trigger>();
      offsets.set(Number(trigger.address % BigInt(PAGE_BYTES)), trigger);
      this.#executed.set(page, offsets);
    }
  }

  /** The hart begins to run: nothing has been told yet. */
  begin(): void {
    this.stopped = false;
    this.#lastExecuted = NEVER;
  }

  /** Where in the page of a virtual address instructions are armed. */
  offsetsIn(address: bigint): Iterable<number> | undefined {
    if (this.#executed.size === 0) return undefined;
    return this.#executed.get(address >> PAGE_NUMBER_BITS)?.keys();
  }

  /**
   * The part of a page in which accesses must be looked at, as {@linkcode WatchedPages} packs it; 0 for none.
   *
   * @param address In the page, virtual.
   * @param ramPage The same page in RAM.
   */
  watchedPart(address: bigint, ramPage: number): number {
    const part = this.#watchedAddresses.partOf(address >> PAGE_NUMBER_BITS);
    if ((this.#memory.pageFlags[ramPage]! & PAGE_WATCHED) === 0) return part;
    return WatchedPages.both(part, this.#watchedMemory.partOf(ramPage));
  }

  /** Whether any access is watched. */
  get watching(): boolean {
    return this.#watches.length > 0;
  }

  /** Whether the instruction at an address is armed. */
  isArmed(address: bigint): boolean {
    return this.#executed.size > 0 && this.#executedAt(address) !== undefined;
  }

  /** An instruction is about to be executed. Answers whether the hart stops; of one step it tells once. */
  executing(address: bigint, step: number): boolean {
    const trigger = this.#executedAt(address);
    if (trigger === undefined || this.#lastExecuted === step) return false;
    this.#lastExecuted = step;
    return this.#tell({
      ...{ trigger, step, by: "hart", accessed: address },
      ...{ byAddress: true, inMemory: false },
    });
  }

  /** An instruction is accessing memory, and will not trap. Answers whether the hart stops after it. */
  accessing({ kinds, address: at, width, memory }: HartAccess, step: number): boolean {
    let stops = false;
    for (const trigger of this.#watches) {
      if (!kinds.some((kind) => KINDS_OF[kind].some((known) => known === trigger.kind))) continue;
      const { address, length } = trigger;
      const byAddress = at < address + BigInt(length) && address < at + BigInt(width);
      const inMemory = memory.some((range) => isIn(trigger, range));
      if (!byAddress && !inMemory) continue;
      if (this.#tell({ trigger, step, by: "hart", accessed: at, byAddress, inMemory })) {
        stops = true;
      }
    }
    return stops;
  }

  /** Somebody else has written to RAM. Answers whether the hart stops. */
  written(by: Exclude<Accessor, "hart">, range: MemoryRange, step: number): boolean {
    let stops = false;
    const accessed = BigInt(range.address);
    for (const trigger of this.#watches) {
      if (!KINDS_OF.store.some((known) => known === trigger.kind)) continue;
      if (!isIn(trigger, range)) continue;
      const hit = { trigger, step, by, accessed, byAddress: false, inMemory: true } as const;
      if (this.#tell(hit)) stops = true;
    }
    return stops;
  }

  #executedAt(address: bigint): Trigger | undefined {
    return this.#executed.get(address >> PAGE_NUMBER_BITS)
      ?.get(Number(address % BigInt(PAGE_BYTES)));
  }

  #tell(hit: TriggerHit): boolean {
    const stops = this.#listener(hit);
    if (stops) this.stopped = true;
    return stops;
  }
}

function isIn({ memory = [] }: Trigger, { address, length }: MemoryRange): boolean {
  return memory.some((part) =>
    address < part.address + part.length && part.address < address + length
  );
}
