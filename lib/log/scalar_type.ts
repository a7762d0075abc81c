/** Field types without parts: numbers, bytes, texts, words. */
import { type FieldType, shown } from "./field_type.ts";
import { maxCount } from "./limits.ts";
import { FieldError } from "./log_error.ts";

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
      const range = minimum === maximum ? `${minimum}` : `${minimum} to ${maximum}`;
      throw new FieldError(`is ${shown(value)}, must be ${range}${step}`);
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

/** Text that a regular expression matches as a whole. */
export function matching(pattern: string): FieldType<string> {
  const whole = new RegExp(`^${pattern}$`);
  function check(value: unknown): string {
    if (typeof value !== "string" || !whole.test(value)) {
      throw new FieldError(`is ${shown(value)}, must match ${pattern}`);
    }
    return value;
  }
  return { cddl: `text .regexp "${pattern}"`, toWire: check, fromWire: check };
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
