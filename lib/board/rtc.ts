/**
 * Goldfish real-time clock: nanoseconds since 1970 and an alarm.
 *
 * Reading the time is an environment instruction (paper rule env-value). An alarm is set with one such
 * read and from then on counts in guest time, so that it fires at the same place in every replay; like
 * the CLINT's comparator it is evaluated at epoch ends.
 */
import type { BusDevice } from "./bus.ts";
import type { FieldAllocator, Fields } from "./fields.ts";

const fields = {
  /** Added to the environment's time: what the guest set the clock to. Modulo 2^64. */
  offset: "double",
  /** High half of the time, latched by a read of the low half. */
  latchedHigh: "word",
  alarm: "double",
  alarmRunning: "flag",
  /** Guest time at which the running alarm fires, in ticks. */
  alarmDue: "count",
  interruptEnabled: "flag",
  interruptPending: "flag",
} as const;

const offsets = {
  timeLow: 0x00,
  timeHigh: 0x04,
  alarmLow: 0x08,
  alarmHigh: 0x0c,
  interruptEnabled: 0x10,
  clearAlarm: 0x14,
  alarmStatus: 0x18,
  clearInterrupt: 0x1c,
} as const;

const nanosecondsPerTick = 100n;

/** What the clock needs from the board. */
export interface RealTimeClockHost {
  /** Guest time now, in ticks. */
  time(): number;
  /** An environment read: nanoseconds since 1970. */
  readClock(): bigint;
  /** Ends the run: the budget has to be computed again. */
  requestStop(): void;
  /** Drives the interrupt line. */
  setLine(level: boolean): void;
}

/** Sets one half of a 64-bit value. */
function deposit(value: bigint, half: "low" | "high", bits: number): bigint {
  return half === "low"
    ? (value & 0xffff_ffff_0000_0000n) | BigInt(bits)
    : (value & 0xffff_ffffn) | BigInt(bits) << 32n;
}

/** The real-time clock. */
export class RealTimeClock implements BusDevice {
  readonly #fields: Fields<typeof fields>;
  readonly #host: RealTimeClockHost;

  /** Places the fields; no alarm runs. */
  constructor(allocator: FieldAllocator, host: RealTimeClockHost) {
    this.#fields = allocator.place("real-time-clock", fields);
    this.#host = host;
  }

  load(offset: number): number {
    const { values } = this.#fields;
    switch (offset) {
      case offsets.timeLow: {
        const now = this.#now();
        values.latchedHigh = Number(now >> 32n);
        return Number(now & 0xffff_ffffn);
      }
      case offsets.timeHigh:
        return values.latchedHigh;
      case offsets.alarmLow:
        return Number(values.alarm & 0xffff_ffffn);
      case offsets.alarmHigh:
        return Number(values.alarm >> 32n);
      case offsets.interruptEnabled:
        return values.interruptEnabled;
      case offsets.alarmStatus:
        return values.alarmRunning;
      default:
        return 0;
    }
  }

  store(offset: number, _size: number, value: number): void {
    const { values } = this.#fields;
    switch (offset) {
      case offsets.timeLow:
      case offsets.timeHigh: {
        const now = this.#now();
        const wanted = deposit(now, offset === offsets.timeLow ? "low" : "high", value);
        values.offset = BigInt.asUintN(64, values.offset + wanted - now);
        break;
      }
      case offsets.alarmHigh:
        values.alarm = deposit(values.alarm, "high", value);
        break;
      case offsets.alarmLow:
        values.alarm = deposit(values.alarm, "low", value);
        this.#setAlarm();
        break;
      case offsets.interruptEnabled:
        values.interruptEnabled = value & 1;
        break;
      case offsets.clearAlarm:
        values.alarmRunning = 0;
        values.alarmDue = 0;
        break;
      case offsets.clearInterrupt:
        values.interruptPending = 0;
        break;
    }
    this.drive();
  }

  /** The tick at which the alarm fires; Infinity when none runs. */
  get dueTicks(): number {
    const { alarmRunning, alarmDue } = this.#fields.values;
    return alarmRunning !== 0 ? alarmDue : Infinity;
  }

  /** Fires the alarm when `time`, in ticks, has reached it. */
  evaluate(time: number): void {
    const { values } = this.#fields;
    if (values.alarmRunning === 0 || time < values.alarmDue) return;
    this.#fire();
    this.drive();
  }

  /** Back to the state of power-on; the clock itself goes on, as QEMU's does. */
  reset(): void {
    const { offset } = this.#fields.values;
    this.#fields.clear();
    this.#fields.values.offset = offset;
    this.drive();
  }

  /** Puts the interrupt's level on the line. */
  drive(): void {
    const { interruptEnabled, interruptPending } = this.#fields.values;
    this.#host.setLine((interruptEnabled & interruptPending) !== 0);
  }

  #now(): bigint {
    return BigInt.asUintN(64, this.#host.readClock() + this.#fields.values.offset);
  }

  #setAlarm(): void {
    const { values } = this.#fields;
    const left = values.alarm - this.#now();
    if (left <= 0n) {
      this.#fire();
      return;
    }
    const due = BigInt(this.#host.time()) + (left + nanosecondsPerTick - 1n) / nanosecondsPerTick;
    values.alarmRunning = 1;
    values.alarmDue = Number(
      due < BigInt(Number.MAX_SAFE_INTEGER) ? due : BigInt(Number.MAX_SAFE_INTEGER),
    );
    this.#host.requestStop();
  }

  #fire(): void {
    const { values } = this.#fields;
    values.alarmRunning = 0;
    values.alarmDue = 0;
    values.interruptPending = 1;
  }
}
