/**
 * Device-front state as named plain integers, declared in tables (habit 6).
 *
 * The values live in the guest memory's device-state area, so one digest over that area covers every
 * front; the tables give them names, for code and for snapshots. Snapshots are untrusted: restore
 * checks names and ranges before anything is written.
 */
import { StateError } from "./errors.ts";

/**
 * How a field is stored.
 *
 * - `flag`: 0 or 1. `byte`, `half`, `word`: 8, 16, 32 bits unsigned.
 * - `count`: a safe non-negative integer in 64 bits. `double`: 64 bits unsigned, a bigint.
 */
export type FieldKind = "flag" | "byte" | "half" | "word" | "count" | "double";

/** A field's declaration: its kind, or its kind and how many of them. */
export type FieldDeclaration = FieldKind | readonly [kind: FieldKind, length: number];

/** A table of fields; the order is the layout. */
export interface FieldTable {
  /** The declaration of a field by its name. */
  readonly [name: string]: FieldDeclaration;
}

/** An array of fields, each of the same kind. */
export interface FieldArray {
  /** Number of elements. */
  readonly length: number;
  /** The value at `index`; an index outside the array is a RangeError. */
  get(index: number): number;
  /** Stores `value`, truncated to the kind's width. */
  set(index: number, value: number): void;
}

/** The saved form of one device's fields. */
export interface FieldValues {
  /** The value of a field by its name. */
  readonly [name: string]: number | bigint | readonly number[];
}

/** The accessors a table gives. */
export type FieldsOf<T extends FieldTable> = {
  -readonly [K in keyof T]: T[K] extends "double" ? bigint
    : T[K] extends FieldKind ? number
    : FieldArray;
};

const bytesOf: Readonly<Record<FieldKind, number>> = {
  flag: 1,
  byte: 1,
  half: 2,
  word: 4,
  count: 8,
  double: 8,
};

const limitOf: Readonly<Record<Exclude<FieldKind, "double">, number>> = {
  flag: 1,
  byte: 0xff,
  half: 0xffff,
  word: 0xffff_ffff,
  count: Number.MAX_SAFE_INTEGER,
};

function readNumber(view: DataView, offset: number, kind: FieldKind): number {
  switch (kind) {
    case "flag":
    case "byte":
      return view.getUint8(offset);
    case "half":
      return view.getUint16(offset, true);
    case "word":
      return view.getUint32(offset, true);
    case "count":
      return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
    case "double":
      throw new RangeError("A 64-bit field is read as a bigint");
  }
}

function writeNumber(view: DataView, offset: number, kind: FieldKind, value: number): void {
  switch (kind) {
    case "flag":
      view.setUint8(offset, value === 0 ? 0 : 1);
      return;
    case "byte":
      view.setUint8(offset, value);
      return;
    case "half":
      view.setUint16(offset, value, true);
      return;
    case "word":
      view.setUint32(offset, value, true);
      return;
    case "count":
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new RangeError(`A count must be a safe non-negative integer, not ${value}`);
      }
      view.setUint32(offset, value % 2 ** 32, true);
      view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
      return;
    case "double":
      throw new RangeError("A 64-bit field is written as a bigint");
  }
}

interface Placed {
  readonly name: string;
  readonly kind: FieldKind;
  readonly offset: number;
  /** Undefined for a single field. */
  readonly length: number | undefined;
}

/** One device's fields at their place in the device-state area. */
export class Fields<T extends FieldTable> {
  /** Typed accessors, one a field. */
  readonly values: FieldsOf<T>;
  /** Bytes taken, a multiple of 8. */
  readonly byteLength: number;
  readonly #placed: readonly Placed[];
  readonly #view: DataView;
  readonly #device: string;
  readonly #start: number;

  /**
   * Lays out `table` in `view` from `start` on; `device` names it in errors.
   */
  constructor(device: string, table: T, view: DataView, start: number) {
    const placed: Placed[] = [];
    const values: Record<string, unknown> = {};
    let offset = start;
    for (const [name, declaration] of Object.entries(table)) {
      const single = typeof declaration === "string";
      const kind = single ? declaration : declaration[0];
      const length = single ? undefined : declaration[1];
      const bytes = bytesOf[kind];
      offset = Math.ceil(offset / bytes) * bytes;
      placed.push({ name, kind, offset, length });
      Object.defineProperty(values, name, accessor(view, offset, kind, length));
      offset += bytes * (length ?? 1);
    }
    this.byteLength = Math.ceil((offset - start) / 8) * 8;
    if (start + this.byteLength > view.byteLength) {
      throw new RangeError(`The device-state area has no room for the fields of ${device}`);
    }
    this.values = values as FieldsOf<T>;
    this.#placed = placed;
    this.#view = view;
    this.#device = device;
    this.#start = start;
  }

  /** Sets every field to zero. */
  clear(): void {
    for (let offset = this.#start; offset < this.#start + this.byteLength; offset++) {
      this.#view.setUint8(offset, 0);
    }
  }

  /** The fields as named plain data. */
  save(): FieldValues {
    const saved: Record<string, number | bigint | readonly number[]> = {};
    for (const { name, kind, offset, length } of this.#placed) {
      if (length !== undefined) {
        saved[name] = Array.from(
          { length },
          (_, index) => readNumber(this.#view, offset + index * bytesOf[kind], kind),
        );
      } else if (kind === "double") {
        saved[name] = this.#view.getBigUint64(offset, true);
      } else {
        saved[name] = readNumber(this.#view, offset, kind);
      }
    }
    return saved;
  }

  /**
   * Takes saved fields back.
   *
   * @throws {StateError} when a field is missing, unknown, or out of its kind's range
   */
  restore(saved: unknown): void {
    if (typeof saved !== "object" || saved === null || Array.isArray(saved)) {
      throw new StateError(`Expected a map of fields for ${this.#device}`);
    }
    const given = saved as Record<string, unknown>;
    const known = new Set(this.#placed.map((field) => field.name));
    for (const name of Object.keys(given)) {
      if (!known.has(name)) {
        throw new StateError(`Unknown field "${name}" in the state of ${this.#device}`);
      }
    }
    for (const field of this.#placed) this.#restoreOne(field, given[field.name]);
  }

  #restoreOne({ name, kind, offset, length }: Placed, value: unknown): void {
    const what = `field "${name}" of ${this.#device}`;
    if (length !== undefined) {
      if (!Array.isArray(value) || value.length !== length) {
        throw new StateError(`Expected ${length} numbers for ${what}`);
      }
      value.forEach((element: unknown, index) =>
        writeNumber(
          this.#view,
          offset + index * bytesOf[kind],
          kind,
          checkNumber(element, kind, `${what}, element ${index},`),
        )
      );
    } else if (kind === "double") {
      // CBOR readers give small integers as numbers; the value is the same.
      const wide = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
      if (typeof wide !== "bigint" || wide < 0n || wide >= 1n << 64n) {
        throw new StateError(`Expected an unsigned 64-bit integer for ${what}`);
      }
      this.#view.setBigUint64(offset, wide, true);
    } else {
      writeNumber(this.#view, offset, kind, checkNumber(value, kind, what));
    }
  }
}

function checkNumber(value: unknown, kind: FieldKind, what: string): number {
  const limit = kind === "double" ? 0 : limitOf[kind];
  // CBOR readers give integers beyond 32 bits as bigint.
  const number = typeof value === "bigint" && value <= BigInt(limit) ? Number(value) : value;
  if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0 || number > limit) {
    throw new StateError(`Expected an integer from 0 to ${limit} for ${what}`);
  }
  return number;
}

function accessor(
  view: DataView,
  offset: number,
  kind: FieldKind,
  length: number | undefined,
): PropertyDescriptor {
  const enumerable = true;
  if (length !== undefined) {
    return { value: new PlacedArray(view, offset, kind, length), enumerable };
  }
  if (kind === "double") {
    return {
      get: () => view.getBigUint64(offset, true),
      set: (value: bigint) => view.setBigUint64(offset, value, true),
      enumerable,
    };
  }
  return {
    get: () => readNumber(view, offset, kind),
    set: (value: number) => writeNumber(view, offset, kind, value),
    enumerable,
  };
}

class PlacedArray implements FieldArray {
  readonly length: number;
  readonly #view: DataView;
  readonly #offset: number;
  readonly #kind: FieldKind;

  constructor(view: DataView, offset: number, kind: FieldKind, length: number) {
    this.#view = view;
    this.#offset = offset;
    this.#kind = kind;
    this.length = length;
  }

  #place(index: number): number {
    if (!(index >= 0 && index < this.length)) {
      throw new RangeError(`Index ${index} is outside an array of ${this.length} fields`);
    }
    return this.#offset + index * bytesOf[this.#kind];
  }

  get(index: number): number {
    return readNumber(this.#view, this.#place(index), this.#kind);
  }

  set(index: number, value: number): void {
    writeNumber(this.#view, this.#place(index), this.#kind, value);
  }
}

/** Hands out places in the device-state area, one after the other. */
export class FieldAllocator {
  readonly #view: DataView;
  readonly #placed = new Map<string, Fields<FieldTable>>();
  #next = 0;

  /** Allocates from `view`, the guest memory's device-state area. */
  constructor(view: DataView) {
    this.#view = view;
  }

  /** Places the fields of one device; its name is its key in snapshots. */
  place<T extends FieldTable>(device: string, table: T): Fields<T> {
    if (this.#placed.has(device)) throw new RangeError(`Two devices are called ${device}`);
    const fields = new Fields(device, table, this.#view, this.#next);
    this.#next += fields.byteLength;
    this.#placed.set(device, fields as unknown as Fields<FieldTable>);
    return fields;
  }

  /** All fields of all devices. */
  save(): { [device: string]: FieldValues } {
    const saved: { [device: string]: FieldValues } = {};
    for (const [device, fields] of this.#placed) saved[device] = fields.save();
    return saved;
  }

  /**
   * Takes the fields of all devices back.
   *
   * @throws {StateError} when a device is missing or unknown, or a field is wrong
   */
  restore(saved: unknown): void {
    if (typeof saved !== "object" || saved === null || Array.isArray(saved)) {
      throw new StateError("Expected a map of device states");
    }
    const given = saved as Record<string, unknown>;
    for (const device of Object.keys(given)) {
      if (!this.#placed.has(device)) {
        throw new StateError(
          `The state is of a machine with a device that this one lacks: ${device}`,
        );
      }
    }
    for (const [device, fields] of this.#placed) {
      if (!Object.hasOwn(given, device)) throw new StateError(`No state for the device ${device}`);
      fields.restore(given[device]);
    }
  }
}
