/** Field types with parts: lists, tuples, maps, unions. */
import { type Field, type FieldType, shown } from "./field_type.ts";
import { FieldError } from "./log_error.ts";

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
