/**
 * The types that fields of records have. Each knows how its values are written, how they are checked
 * when read, and its own notation in the CDDL schema (RFC 8610), against which a test compares it.
 */
import { FieldError } from "./log_error.ts";
import { maxCount } from "./limits.ts";

/** A field type: values of `Value` in the program, plain CBOR data in the log. */
export interface FieldType<Value> {
  /** The type in CDDL: its rule's name, when it has a rule of its own. */
  readonly cddl: string;
  /** What its rule says, when it has one. */
  readonly rule?: string;
  /** Makes what the CBOR encoder takes; throws {@linkcode FieldError} for a value outside the type. */
  toWire(value: Value): unknown;
  /** Checks what the CBOR decoder gave; throws {@linkcode FieldError} for anything outside the type. */
  fromWire(wire: unknown): Value;
}

/** One field of a map. */
export interface Field {
  /** Its property in the program. */
  readonly name: string;
  /** Its key in the log; short, because epochs come thousands of times a second. */
  readonly key: string;
  /** Type of its values. */
  // deno-lint-ignore no-explicit-any -- a table holds fields of all types
  readonly type: FieldType<any>;
  /**
   * - `required`: always there.
   * - `optional`: left out when undefined.
   * - `unless-empty`: left out when empty, and then read as `empty`.
   */
  readonly presence: "required" | "optional" | "unless-empty";
  /** What an absent `unless-empty` field is read as. */
  readonly empty?: unknown;
}

/** A field that is always there. */
export function required<Value>(name: string, type: FieldType<Value>, key = name): Field {
  return { name, key, type, presence: "required" };
}

/** A field that is left out when undefined. */
export function optional<Value>(name: string, type: FieldType<Value>, key = name): Field {
  return { name, key, type, presence: "optional" };
}

/** A list or byte string that is left out when empty. */
export function unlessEmpty<Value extends { readonly length: number }>(
  name: string,
  type: FieldType<Value>,
  empty: Value,
  key = name,
): Field {
  return { name, key, type, presence: "unless-empty", empty };
}

/** A value as it is named in messages: numbers as they are, the rest by its kind. */
function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
    return `${value}`;
  }
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? `an array of ${value.length}` : "a map";
}

/** An integer as a JavaScript number, `minimum` to `maximum`, both safe integers. */
export function count(
  minimum = 0,
  maximum: number = maxCount,
  multipleOf = 1,
): FieldType<number> {
  function check(value: unknown): number {
    if (
      typeof value !== "number" || !Number.isInteger(value) || value < minimum ||
      value > maximum || value % multipleOf !== 0
    ) {
      const step = multipleOf === 1 ? "" : `, a multiple of ${multipleOf}`;
      throw new FieldError(`is ${shown(value)}, must be ${minimum} to ${maximum}${step}`);
    }
    return value;
  }
  return {
    cddl: maximum === maxCount && minimum === 0
      ? "count"
      : minimum === maximum
      ? `${minimum}`
      : `${minimum}..${maximum}`,
    toWire: (value) => check(value) < 2 ** 32 ? value : BigInt(value),
    fromWire: (wire) => check(typeof wire === "bigint" ? Number(wire) : wire),
  };
}

/** An unsigned integer of 64 bits as a bigint. */
export const word: FieldType<bigint> = {
  cddl: "word",
  toWire(value) {
    if (typeof value !== "bigint" || value < 0n || value >= 1n << 64n) {
      throw new FieldError(`is ${shown(value)}, must be a bigint of 64 bits, unsigned`);
    }
    return value < 0x1_0000_0000n ? Number(value) : value;
  },
  fromWire(wire) {
    if ((typeof wire !== "number" && typeof wire !== "bigint") || wire < 0) {
      throw new FieldError(`is ${shown(wire)}, must be an unsigned integer`);
    }
    return BigInt(wire);
  },
};

/** A byte string of `minimum` to `maximum` bytes. */
export function bytes(minimum: number, maximum: number, multipleOf = 1): FieldType<Uint8Array> {
  function check(value: unknown): Uint8Array {
    if (
      !(value instanceof Uint8Array) || value.length < minimum || value.length > maximum ||
      value.length % multipleOf !== 0
    ) {
      const step = multipleOf === 1 ? "" : `, a multiple of ${multipleOf}`;
      throw new FieldError(`is ${shown(value)}, must be ${minimum} to ${maximum} bytes${step}`);
    }
    return value;
  }
  return { cddl: `bytes .size (${minimum}..${maximum})`, toWire: check, fromWire: check };
}

/** A byte string of fixed size, as lower-case hex digits in the program. */
function hexDigits(name: string, size: number): FieldType<string> {
  const pattern = new RegExp(`^[0-9a-f]{${2 * size}}$`);
  return {
    cddl: name,
    toWire(value) {
      if (typeof value !== "string" || !pattern.test(value)) {
        throw new FieldError(`is ${shown(value)}, must be ${2 * size} lower-case hex digits`);
      }
      return Uint8Array.from(
        { length: size },
        (_, index) => parseInt(value.slice(2 * index, 2 * index + 2), 16),
      );
    },
    fromWire(wire) {
      if (!(wire instanceof Uint8Array) || wire.length !== size) {
        throw new FieldError(`is ${shown(wire)}, must be ${size} bytes`);
      }
      return Array.from(wire, (byte) => byte.toString(16).padStart(2, "0")).join("");
    },
  };
}

/** An id of 16 random bytes, as 32 lower-case hex digits in the program. */
export const identifier: FieldType<string> = hexDigits("identifier", 16);

/** A SHA-256 digest, as 64 lower-case hex digits in the program. */
export const sha256: FieldType<string> = hexDigits("sha256", 32);

const utf8 = new TextEncoder();

/** Well-formed text of at most `maximum` bytes of UTF-8. */
export function text(maximum: number, minimum = 0): FieldType<string> {
  function check(value: unknown): string {
    if (typeof value !== "string" || !value.isWellFormed()) {
      throw new FieldError(`is ${shown(value)}, must be well-formed text`);
    }
    const size = utf8.encode(value).length;
    if (size < minimum || size > maximum) {
      throw new FieldError(`has ${size} bytes of UTF-8, must have ${minimum} to ${maximum}`);
    }
    return value;
  }
  return { cddl: `text .size (${minimum}..${maximum})`, toWire: check, fromWire: check };
}

/** Printable ASCII of `minimum` to `maximum` characters. */
export function printable(minimum: number, maximum: number): FieldType<string> {
  function check(value: unknown): string {
    if (
      typeof value !== "string" || value.length < minimum || value.length > maximum ||
      !/^[ -~]*$/.test(value)
    ) {
      throw new FieldError(
        `is ${shown(value)}, must be ${minimum} to ${maximum} printable ASCII characters`,
      );
    }
    return value;
  }
  return { cddl: `text .regexp "[ -~]{${minimum},${maximum}}"`, toWire: check, fromWire: check };
}

/** True or false. */
export const boolean: FieldType<boolean> = {
  cddl: "bool",
  toWire: checkBoolean,
  fromWire: checkBoolean,
};

function checkBoolean(value: unknown): boolean {
  if (typeof value !== "boolean") throw new FieldError(`is ${shown(value)}, must be true or false`);
  return value;
}

/** One of a few words. */
export function choice<Word extends string>(...words: readonly Word[]): FieldType<Word> {
  function check(value: unknown): Word {
    if (!words.includes(value as Word)) {
      throw new FieldError(`is ${shown(value)}, must be one of ${words.join(", ")}`);
    }
    return value as Word;
  }
  return {
    cddl: words.map((word) => JSON.stringify(word)).join(" / "),
    toWire: check,
    fromWire: check,
  };
}

/** An array of `minimum` to `maximum` elements of one type. */
export function list<Value>(
  element: FieldType<Value>,
  minimum: number,
  maximum: number,
): FieldType<readonly Value[]> {
  function convert<From, To>(values: unknown, one: (value: From) => To): To[] {
    if (!Array.isArray(values) || values.length < minimum || values.length > maximum) {
      throw new FieldError(`is ${shown(values)}, must be an array of ${minimum} to ${maximum}`);
    }
    const result = new Array<To>(values.length);
    let index = 0;
    try {
      for (; index < values.length; index++) result[index] = one(values[index]);
    } catch (error) {
      throw error instanceof FieldError ? error.within(`[${index}]`) : error;
    }
    return result;
  }
  return {
    cddl: `[${minimum}*${maximum} ${element.cddl}]`,
    toWire: (values) => convert(values, element.toWire),
    fromWire: (wire) => convert(wire, element.fromWire),
  };
}

/** An object written as an array of its properties in order; only trailing ones may be left out. */
export function tuple<Value extends object>(elements: readonly Field[]): FieldType<Value> {
  const required = elements.filter((element) => element.presence === "required").length;
  return {
    cddl: `[${elements.map(cddlEntry).join(", ")}]`,
    toWire(value) {
      const properties = value as Record<string, unknown>;
      const wire: unknown[] = [];
      for (const field of elements) {
        const property = properties[field.name];
        if (isLeftOut(field, property)) break;
        wire.push(converted(field, field.type.toWire, property));
      }
      return wire;
    },
    fromWire(wire) {
      if (!Array.isArray(wire) || wire.length < required || wire.length > elements.length) {
        throw new FieldError(
          `is ${shown(wire)}, must be an array of ${required} to ${elements.length}`,
        );
      }
      const value: Record<string, unknown> = {};
      for (let index = 0; index < elements.length; index++) {
        const field = elements[index]!;
        if (index < wire.length) {
          value[field.name] = converted(field, field.type.fromWire, wire[index]);
        } else if (field.presence === "unless-empty") {
          value[field.name] = field.empty;
        }
      }
      return value as Value;
    },
  };
}

/** An object written as a map, in the key order of deterministic encoding. */
export function record<Value extends object>(fields: readonly Field[]): FieldType<Value> {
  const ordered = [...fields].sort((left, right) => compareKeys(left.key, right.key));
  return {
    cddl: `{ ${fields.map(cddlEntry).join(", ")} }`,
    toWire(value) {
      const properties = value as Record<string, unknown>;
      const wire: Record<string, unknown> = {};
      for (const field of ordered) {
        const property = properties[field.name];
        if (!isLeftOut(field, property)) {
          wire[field.key] = converted(field, field.type.toWire, property);
        }
      }
      return wire;
    },
    fromWire(wire) {
      const entries = asMap(wire);
      const value: Record<string, unknown> = {};
      let known = 0;
      for (const field of fields) {
        const entry = entries[field.key];
        if (entry !== undefined) {
          known++;
          value[field.name] = converted(field, field.type.fromWire, entry);
        } else if (field.presence === "unless-empty") {
          value[field.name] = field.empty;
        } else if (field.presence === "required") {
          throw new FieldError("is missing").within(field.key);
        }
      }
      if (known !== Object.keys(entries).length) {
        const stranger = Object.keys(entries).find((key) =>
          !fields.some((field) => field.key === key)
        );
        throw new FieldError("is not known to this version").within(stranger ?? "");
      }
      return value as Value;
    },
  };
}

/** Objects of several kinds, told apart by their property `kind`, which is a field like others. */
export function union<Value extends { readonly kind: string }>(
  variants: Readonly<Record<string, FieldType<Value>>>,
): FieldType<Value> {
  const known = new Map(Object.entries(variants));
  function variant(kind: unknown): FieldType<Value> {
    const found = known.get(kind as string);
    if (found === undefined) {
      throw new FieldError(`is ${shown(kind)}, must be one of ${[...known.keys()].join(", ")}`)
        .within("kind");
    }
    return found;
  }
  return {
    cddl: Object.values(variants).map((variant) => variant.cddl).join(" / "),
    toWire: (value) => variant(value.kind).toWire(value),
    fromWire: (wire) => variant(asMap(wire)["kind"]).fromWire(wire),
  };
}

/** A type with a rule of its own in the schema. */
export function named<Value>(name: string, type: FieldType<Value>): FieldType<Value> {
  return { ...type, cddl: name, rule: type.cddl };
}

/** A type with a condition on the value as a whole; `check` throws {@linkcode FieldError}. */
export function refined<Value>(
  type: FieldType<Value>,
  check: (value: Value) => void,
): FieldType<Value> {
  return {
    ...type,
    toWire(value) {
      const wire = type.toWire(value);
      check(value);
      return wire;
    },
    fromWire(wire) {
      const value = type.fromWire(wire);
      check(value);
      return value;
    },
  };
}

/** Text keys in the order of deterministic encoding: shorter first, then by bytes (RFC 8949, 4.2.1). */
export function compareKeys(left: string, right: string): number {
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}

/** Checks that a decoded item is a map. */
export function asMap(wire: unknown): Record<string, unknown> {
  if (
    typeof wire !== "object" || wire === null || Array.isArray(wire) || wire instanceof Uint8Array
  ) {
    throw new FieldError(`is ${shown(wire)}, must be a map`);
  }
  return wire as Record<string, unknown>;
}

function isLeftOut(field: Field, property: unknown): boolean {
  if (field.presence === "optional") return property === undefined;
  return field.presence === "unless-empty" &&
    (property as { length: number } | undefined)?.length === 0;
}

function converted(field: Field, convert: (value: unknown) => unknown, value: unknown): unknown {
  try {
    return convert(value);
  } catch (error) {
    throw error instanceof FieldError ? error.within(field.key) : error;
  }
}

function cddlEntry(field: Field): string {
  const optional = field.presence === "required" ? "" : "? ";
  return `${optional}${field.key}: ${field.type.cddl}`;
}
