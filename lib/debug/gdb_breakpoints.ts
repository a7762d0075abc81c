/** Breakpoints and watchpoints as gdb inserts them (packets `Z` and `z`), as triggers of the hart. */
import { areAlike, type Trigger, TRIGGER_BYTES_LIMIT, type TriggerKind } from "../cpu/triggers.ts";

/** Most that may be inserted at once. */
const MOST = 4096;
const ADDRESSES = 1n << 64n;

/** What each type of `Z` waits for, and what a stop reply calls it. */
const TYPES: readonly { readonly kind: TriggerKind; readonly reason: StopReason }[] = [
  { kind: "execute", reason: "swbreak" },
  { kind: "execute", reason: "hwbreak" },
  { kind: "store", reason: "watch" },
  { kind: "load", reason: "rwatch" },
  { kind: "access", reason: "awatch" },
];

/** What a stop reply calls a trigger. */
export type StopReason = "swbreak" | "hwbreak" | "watch" | "rwatch" | "awatch";

/** A packet that cannot be done, with the reason that gdb shows. */
export class GdbRefusal extends Error {
  /** Tells this error from others. */
  override readonly name = "GdbRefusal";
}

/** What is inserted. */
export class GdbBreakpoints {
  readonly #inserted = new Map<
    string,
    { readonly trigger: Trigger; readonly reason: StopReason }
  >();

  /** All as triggers. */
  get triggers(): readonly Trigger[] {
    return Array.from(this.#inserted.values(), ({ trigger }) => trigger);
  }

  /** What a stop reply calls a trigger like this; undefined when none is inserted. */
  reasonOf(like: Trigger): StopReason | undefined {
    return this.#inserted.values().find(({ trigger }) => areAlike(trigger, like))?.reason;
  }

  /**
   * Inserts what `type,address,kind` says; twice is once.
   *
   * @returns Whether there is that type.
   * @throws {GdbRefusal} when it cannot be waited for
   */
  insert(text: string): boolean {
    const parsed = parse(text);
    if (!parsed) return false;
    const { key, type, address, length } = parsed;
    if (this.#inserted.has(key)) return true;
    if (this.#inserted.size === MOST) throw new GdbRefusal(`There are ${MOST} breakpoints already`);
    const { kind, reason } = type;
    this.#inserted.set(key, { trigger: { kind, address, length }, reason });
    return true;
  }

  /** Removes it, if it is there; the same as {@linkcode insert} otherwise. */
  remove(text: string): boolean {
    const parsed = parse(text);
    if (parsed) this.#inserted.delete(parsed.key);
    return parsed !== undefined;
  }

  /** Removes all. */
  clear(): void {
    this.#inserted.clear();
  }
}

function parse(text: string) {
  const [, digit, hexAddress, hexKind] = /^([0-9]),([0-9a-f]+),([0-9a-f]+)(?:;.*)?$/i.exec(text) ??
    [];
  if (digit === undefined) throw new GdbRefusal("A breakpoint is type,address,kind");
  const type = TYPES[Number(digit)];
  if (!type) return undefined;
  const address = BigInt(`0x${hexAddress}`);
  const length = type.kind === "execute" ? 1 : parseInt(hexKind!, 16);
  if (address >= ADDRESSES) throw new GdbRefusal("An address has 64 bits");
  if (length < 1 || length > TRIGGER_BYTES_LIMIT) {
    throw new GdbRefusal(`A watchpoint has from 1 to ${TRIGGER_BYTES_LIMIT} bytes`);
  }
  if (address + BigInt(length) > ADDRESSES) throw new GdbRefusal("A watchpoint ends in memory");
  return { key: `${digit},${address},${length}`, type, address, length };
}
