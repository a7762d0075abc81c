/**
 * What the types of record fields have in common. Each type knows how its values are written, how they
 * are checked when read, and its own notation in the CDDL schema (RFC 8610), against which a test
 * compares it. The types are in `scalar_type.ts` and `container_type.ts`.
 */

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

/** A value as it is named in messages: numbers as they are, the rest by its kind. */
export function shown(value: unknown): string {
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean") {
    return `${value}`;
  }
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  return Array.isArray(value) ? `an array of ${value.length}` : "a map";
}
