/** Where everything stands in a log: for each epoch its place, its last step and the time behind it. */
import type { TimeBase } from "../board/environment.ts";
import { RATE_SCALE, ticksOf } from "../epoch/guest_time.ts";
import type { EndRecord } from "../epoch/record.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { GrowingNumbers } from "./growing_numbers.ts";
import type { Moment } from "./moment.ts";

/** A record's place in its log. */
export interface Place {
  /** 0 for the header. */
  readonly number: number;
  /** Where its frame starts. */
  readonly byteOffset: number;
}

/** A key snapshot in the log. */
export interface KeySnapshot extends Moment {
  /** The record before its first one. */
  readonly before: Place;
}

/** The columns of a map, with an entry for the first snapshot and for each epoch behind it. */
export const mapColumns = ["numbers", "offsets", "steps", "bases", "rates"] as const;

/** A map in parts. */
export interface MapParts {
  /** Epoch of the first entry. */
  readonly first: number;
  /** Key snapshots, in order, the first one among them. */
  readonly snapshots: readonly KeySnapshot[];
  /** Record number, byte offset and last step of each epoch; base and rate of the time behind it. */
  readonly columns: Readonly<Record<typeof mapColumns[number], Float64Array>>;
}

/** What a log holds, built from its records in order; they must have passed `LogGrammar`. */
export class LogMap {
  /** The key snapshots, in order. */
  readonly snapshots: KeySnapshot[] = [];
  #endRecord: EndRecord | undefined;
  /** Epoch of the first snapshot; what follows has an entry for it and for each epoch after it. */
  #first = 0;
  readonly #numbers = new GrowingNumbers();
  readonly #offsets = new GrowingNumbers();
  readonly #steps = new GrowingNumbers();
  readonly #bases = new GrowingNumbers();
  readonly #rates = new GrowingNumbers();
  #last: Place | undefined;
  #beforeSnapshot: Place | undefined;

  /** What {@linkcode LogMap.saved} gave, checked by whoever has read it. */
  static restored({ first, snapshots, columns }: MapParts): LogMap {
    const map = new LogMap();
    map.#first = first;
    map.snapshots.push(...snapshots);
    for (let index = 0; index < columns.steps.length; index++) {
      map.#numbers.push(columns.numbers[index]!);
      map.#offsets.push(columns.offsets[index]!);
      map.#steps.push(columns.steps[index]!);
      map.#bases.push(columns.bases[index]!);
      map.#rates.push(columns.rates[index]!);
    }
    map.#last = map.placeOf(map.end.epoch);
    return map;
  }

  /** All of it up to the last epoch, for another time. */
  saved(): MapParts {
    const last = this.placeOf(this.end.epoch).byteOffset;
    return {
      first: this.#first,
      snapshots: this.snapshots.filter(({ before }) => before.byteOffset < last),
      columns: {
        numbers: this.#numbers.values,
        offsets: this.#offsets.values,
        steps: this.#steps.values,
        bases: this.#bases.values,
        rates: this.#rates.values,
      },
    };
  }

  /** Takes the next record of the log. */
  add({ record, number, byteOffset }: LogItem): void {
    const place = { number, byteOffset };
    switch (record.kind) {
      case "snapshot-begin":
        this.#beforeSnapshot = this.#last;
        break;
      case "snapshot-commit": {
        const { epoch, steps: step, time } = record;
        // The grammar has a header before every snapshot.
        this.snapshots.push({ epoch, step, before: this.#beforeSnapshot! });
        if (this.snapshots.length > 1) break;
        this.#first = epoch;
        this.#addEpoch(place, step, time);
        break;
      }
      case "epoch":
        this.#addEpoch(place, this.end.step + record.steps, record.time);
        break;
      case "end":
        this.#endRecord = record;
    }
    this.#last = place;
  }

  /** Whether there is anything to replay. */
  get isEmpty(): boolean {
    return this.snapshots.length === 0;
  }

  /** The moment of the first snapshot. */
  get start(): Moment {
    return { epoch: this.#first, step: this.#steps.at(0) };
  }

  /** The end of the last epoch. */
  get end(): Moment {
    const last = this.#steps.length - 1;
    return { epoch: this.#first + last, step: this.#steps.at(last) };
  }

  /** The record that ends the log; absent in one that just stops. */
  get endRecord(): EndRecord | undefined {
    return this.#endRecord;
  }

  /** Guest time at the end of the last epoch, ticks. */
  get endTicks(): number {
    return this.#bases.at(this.#bases.length - 1);
  }

  /** The time base behind an epoch. */
  timeBehind(epoch: number): TimeBase {
    const index = epoch - this.#first;
    return { base: this.#bases.at(index), rate: this.#rates.at(index) };
  }

  /** The record that ends this epoch: its own, or the commit of the first snapshot. */
  placeOf(epoch: number): Place {
    const index = epoch - this.#first;
    return { number: this.#numbers.at(index), byteOffset: this.#offsets.at(index) };
  }

  /** The end of an epoch; undefined when the log does not have it. */
  atEpoch(epoch: number): Moment | undefined {
    const index = epoch - this.#first;
    return index >= 0 && index < this.#steps.length
      ? { epoch, step: this.#steps.at(index) }
      : undefined;
  }

  /**
   * The moment just before the step after `step` is taken: everything has been delivered that is delivered
   * there. Undefined when the log does not have it.
   */
  atStep(step: number): Moment | undefined {
    const index = this.#steps.countUpTo(step) - 1;
    return index >= 0 && step <= this.end.step ? { epoch: this.#first + index, step } : undefined;
  }

  /** Whether the machine goes through this moment. */
  has({ epoch, step }: Moment): boolean {
    const from = this.atEpoch(epoch)?.step;
    if (from === undefined || step <= from) return step === from;
    return step < (this.atEpoch(epoch + 1)?.step ?? from);
  }

  /** The first moment at which guest time is at least `ticks`; undefined when it never is. */
  atTime(ticks: number): Moment | undefined {
    if (ticks > this.endTicks) return undefined;
    const index = this.#bases.countUpTo(ticks - 1) - 1;
    if (index < 0) return this.start;
    const from = this.#steps.at(index);
    const end = this.#steps.at(index + 1);
    const [wanted, rate] = [ticks - this.#bases.at(index), this.#rates.at(index)];
    // Most time passes between epochs, of which steps tell nothing.
    if (ticksOf(end - from, rate) < wanted) {
      return { epoch: this.#first + index + 1, step: end };
    }
    const step = from + stepsFor(wanted, rate);
    return step < end
      ? { epoch: this.#first + index, step }
      : { epoch: this.#first + index + 1, step: end };
  }

  #addEpoch({ number, byteOffset }: Place, step: number, { base, rate }: TimeBase): void {
    this.#numbers.push(number);
    this.#offsets.push(byteOffset);
    this.#steps.push(step);
    this.#bases.push(base);
    this.#rates.push(rate);
  }
}

/** Fewest steps in which `ticks` pass. */
function stepsFor(ticks: number, rate: number): number {
  let steps = Math.floor(ticks * (RATE_SCALE / rate));
  // The quotient may be rounded either way.
  while (steps > 0 && ticksOf(steps - 1, rate) >= ticks) steps--;
  while (ticksOf(steps, rate) < ticks) steps++;
  return steps;
}
