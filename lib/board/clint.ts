/**
 * CLINT of one hart (SiFive FU540 manual, chapter "CLINT"; QEMU's aclint): software interrupt, timer
 * comparator, time.
 *
 * The comparator is evaluated when the guest writes it and at epoch ends (design invariant 3), not in
 * between: the hypervisor ends an epoch where `time` reaches it.
 */
import type { BusDevice } from "./bus.ts";
import { Comparator, comparatorFields } from "./comparator.ts";
import type { FieldAllocator, Fields } from "./fields.ts";

const softwareInterruptFields = { pending: "flag" } as const;

/** What the CLINT needs from the board. */
export interface ClintHost {
  /** Guest time now, in ticks. */
  time(): number;
  /** Ends the run: the budget has to be computed again. */
  requestStop(): void;
  /** Drives MSIP (3) or MTIP (7) of the hart's `mip`. */
  setInterrupt(bit: 3 | 7, level: boolean): void;
}

/** `msip` of hart 0; the registers of other harts read 0. */
export class SoftwareInterrupts implements BusDevice {
  readonly #fields: Fields<typeof softwareInterruptFields>;
  readonly #host: ClintHost;

  /** Places the fields; nothing is pending. */
  constructor(allocator: FieldAllocator, host: ClintHost) {
    this.#fields = allocator.place("software-interrupts", softwareInterruptFields);
    this.#host = host;
  }

  load(offset: number): number {
    return offset === 0 ? this.#fields.values.pending : 0;
  }

  store(offset: number, _size: number, value: number): void {
    if (offset !== 0) return;
    this.#fields.values.pending = value & 1;
    this.drive();
  }

  /** Back to the state of power-on. */
  reset(): void {
    this.#fields.clear();
    this.drive();
  }

  /** Puts the interrupt's level on the line. */
  drive(): void {
    this.#host.setInterrupt(3, this.#fields.values.pending !== 0);
  }
}

/** Register offsets from 0x200_4000. */
const offsets = { compare: 0, compareHigh: 4, time: 0x7ff8, timeHigh: 0x7ffc } as const;

/** `mtimecmp` of hart 0 and `mtime`. Writes to `mtime` are ignored: time comes from the log. */
export class Timer implements BusDevice {
  readonly #fields: Fields<typeof comparatorFields>;
  readonly #comparator: Comparator;
  readonly #host: ClintHost;

  /** Places the fields, as at power-on. */
  constructor(allocator: FieldAllocator, host: ClintHost) {
    this.#fields = allocator.place("timer", comparatorFields);
    this.#comparator = new Comparator(this.#fields.values, (level) => host.setInterrupt(7, level));
    this.#host = host;
    this.reset();
  }

  load(offset: number): number {
    switch (offset) {
      case offsets.compare:
        return this.#fields.values.compareLow;
      case offsets.compareHigh:
        return this.#fields.values.compareHigh;
      case offsets.time:
        return this.#host.time() % 2 ** 32;
      case offsets.timeHigh:
        return Math.floor(this.#host.time() / 2 ** 32);
      default:
        return 0;
    }
  }

  store(offset: number, _size: number, value: number): void {
    if (offset === offsets.compare) this.#fields.values.compareLow = value;
    else if (offset === offsets.compareHigh) this.#fields.values.compareHigh = value;
    else return;
    this.evaluate(this.#host.time());
    this.#host.requestStop();
  }

  /** See {@linkcode Comparator.dueTicks}. */
  get dueTicks(): number {
    return this.#comparator.dueTicks;
  }

  /** See {@linkcode Comparator.evaluate}. */
  evaluate(time: number): void {
    this.#comparator.evaluate(time);
  }

  /** Back to the state of power-on: like QEMU's, a comparator of 0, which time has reached. */
  reset(): void {
    this.#fields.clear();
    this.evaluate(0);
  }

  /** Puts the interrupt's level on the line. */
  drive(): void {
    this.#comparator.drive();
  }
}
