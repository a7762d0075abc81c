/**
 * WebAssembly code as data: values nest the way formulas do, `i64.add(a, b)`, and labels are resolved to
 * relative depths only when the function body is assembled.
 *
 * Code is a string with a character for each byte, since nothing is put together as fast as strings are; characters
 * above that mark what is not known before assembly.
 */
import { signedLeb, unsignedLeb } from "./leb128.ts";

/**
 * Marks: a label begins, the newest one ends, one is branched to (it follows); what the next branch likely does; a note
 * (its number follows).
 */
const MARK = {
  ...{ enter: 0x100, leave: 0x101, target: 0x102, unlikely: 0x103, likely: 0x104, note: 0x105 },
} as const;
const LEAVE = String.fromCharCode(MARK.leave);
/** A label in a string is two characters of so many bits, and each more than any byte. */
const LABEL_CHARACTER_BITS = 14, LABEL_CHARACTER = 0x4000;
const LABEL_CHARACTER_MASK = (1 << LABEL_CHARACTER_BITS) - 1;

let labels = 0;

/** A place that `br` can name: the end of a block, or the start of a loop. Each is its own. */
export class Label {
  /** How code names it. */
  readonly characters: string;

  /** Another label. */
  constructor() {
    this.characters = numberCharacters(labels++);
  }
}

function numberCharacters(number: number): string {
  return String.fromCharCode(
    LABEL_CHARACTER + (number >>> LABEL_CHARACTER_BITS & LABEL_CHARACTER_MASK),
    LABEL_CHARACTER + (number & LABEL_CHARACTER_MASK),
  );
}

/** A piece of code, or several in a row. */
export type Code = string | readonly Code[];

/** The same in one piece. */
function joined(code: Code): string {
  if (typeof code === "string") return code;
  let all = "";
  for (const piece of code) all += joined(piece);
  return all;
}

const byte = (value: number): string => String.fromCharCode(value);
const ENTER = byte(MARK.enter), TARGET = byte(MARK.target);
const enter = (label: Label): string => ENTER + label.characters;
const target = (label: Label): string => TARGET + label.characters;

/** LEB128 as text. Nearly all are short. */
function unsigned(value: number): string {
  if (value < 0x80) return byte(value);
  if (value < 0x4000) return byte(value & 0x7f | 0x80) + byte(value >>> 7);
  return String.fromCharCode(...unsignedLeb(value));
}

function signed(value: number | bigint): string {
  if (value >= -0x40 && value < 0x40) return byte(Number(value) & 0x7f);
  if (value >= -0x2000 && value < 0x2000) {
    const bits = Number(value);
    return byte(bits & 0x7f | 0x80) + byte(bits >> 7 & 0x7f);
  }
  return String.fromCharCode(...signedLeb(value));
}
const NAMELESS = new Label();

/** Value types (WebAssembly specification, section 5.3.1). */
export const valueType = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c } as const;
/** A value type. */
export type ValueType = keyof typeof valueType;
/** Value types by their encoding. */
export const valueTypeOf: ReadonlyMap<number, ValueType> = new Map(
  (Object.keys(valueType) as ValueType[]).map((type) => [valueType[type], type]),
);

const VOID = 0x40;
const END = byte(0x0b), ELSE = byte(0x05);
const I32_CONST = byte(0x41), I64_CONST = byte(0x42);

/** A local variable of the function being built. */
export class Local {
  /** Its value. */
  readonly get: Code;
  readonly #set: string;

  /** The local with this index among parameters and locals. */
  constructor(readonly index: number, readonly type: ValueType) {
    this.get = byte(0x20) + unsigned(index);
    this.#set = byte(0x21) + unsigned(index);
  }

  /** Stores `value`. */
  set(value: Code): Code {
    return joined(value) + this.#set;
  }
}

const binary = (opcode: number) => {
  const operation = byte(opcode);
  return (a: Code, b: Code): Code => joined(a) + joined(b) + operation;
};
const unary = (opcode: number) => {
  const operation = byte(opcode);
  return (a: Code): Code => joined(a) + operation;
};
const loading = (opcode: number, log2Bytes: number) => {
  const operation = byte(opcode) + byte(log2Bytes);
  return (address: Code, offset = 0): Code => joined(address) + operation + unsigned(offset);
};
const storing = (opcode: number, log2Bytes: number) => {
  const operation = byte(opcode) + byte(log2Bytes);
  return (address: Code, value: Code, offset = 0): Code =>
    joined(address) + joined(value) + operation + unsigned(offset);
};

/** Instructions on 32-bit integers. */
export const i32 = {
  const: (value: number): Code => I32_CONST + signed(value | 0),
  load: loading(0x28, 2),
  load16_u: loading(0x2f, 1),
  store: storing(0x36, 2),
  eqz: unary(0x45),
  eq: binary(0x46),
  ne: binary(0x47),
  lt_s: binary(0x48),
  lt_u: binary(0x49),
  gt_s: binary(0x4a),
  gt_u: binary(0x4b),
  ge_s: binary(0x4e),
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  div_u: binary(0x6e),
  rem_s: binary(0x6f),
  rem_u: binary(0x70),
  and: binary(0x71),
  or: binary(0x72),
  xor: binary(0x73),
  shl: binary(0x74),
  shr_s: binary(0x75),
  shr_u: binary(0x76),
  /** The low 32 bits of a 64-bit value. */
  wrap: unary(0xa7),
  /** The bits of a 32-bit floating-point value. */
  reinterpret: unary(0xbc),
};

/** Instructions on 64-bit integers. */
export const i64 = {
  const: (value: number | bigint): Code =>
    I64_CONST + signed(typeof value === "bigint" ? BigInt.asIntN(64, value) : value),
  load: loading(0x29, 3),
  load8_s: loading(0x30, 0),
  load8_u: loading(0x31, 0),
  load16_s: loading(0x32, 1),
  load16_u: loading(0x33, 1),
  load32_s: loading(0x34, 2),
  load32_u: loading(0x35, 2),
  store: storing(0x37, 3),
  store8: storing(0x3c, 0),
  store16: storing(0x3d, 1),
  store32: storing(0x3e, 2),
  eqz: unary(0x50),
  eq: binary(0x51),
  ne: binary(0x52),
  lt_s: binary(0x53),
  lt_u: binary(0x54),
  gt_u: binary(0x56),
  ge_s: binary(0x59),
  ge_u: binary(0x5a),
  /** Leading zeros. */
  clz: unary(0x79),
  /** Trailing zeros. */
  ctz: unary(0x7a),
  add: binary(0x7c),
  sub: binary(0x7d),
  mul: binary(0x7e),
  div_s: binary(0x7f),
  div_u: binary(0x80),
  rem_s: binary(0x81),
  rem_u: binary(0x82),
  and: binary(0x83),
  or: binary(0x84),
  xor: binary(0x85),
  shl: binary(0x86),
  shr_s: binary(0x87),
  shr_u: binary(0x88),
  rotl: binary(0x89),
  /** A 32-bit value, sign-extended. */
  extend_s: unary(0xac),
  /** A 32-bit value, zero-extended. */
  extend_u: unary(0xad),
  /** The low 32 bits of a 64-bit value, sign-extended. */
  extend32_s: unary(0xc4),
  /** The integer part of a 64-bit floating-point value that is in its range. */
  trunc_f64_s: unary(0xb0),
  /** The bits of a 64-bit floating-point value. */
  reinterpret: unary(0xbd),
};

/** Instructions on 32-bit floating-point values: round to nearest, no flags, NaN payloads open. */
export const f32 = {
  eq: binary(0x5b),
  lt: binary(0x5d),
  gt: binary(0x5e),
  le: binary(0x5f),
  /** The value without its sign. */
  abs: unary(0x8b),
  sqrt: unary(0x91),
  add: binary(0x92),
  sub: binary(0x93),
  mul: binary(0x94),
  div: binary(0x95),
  /** The nearest one to a 64-bit signed integer. */
  convert_i64_s: unary(0xb4),
  /** The same of an unsigned one. */
  convert_i64_u: unary(0xb5),
  /** The nearest one to a 64-bit floating-point value. */
  demote: unary(0xb6),
  /** The value with these bits. */
  reinterpret: unary(0xbe),
};

/** The same on 64-bit floating-point values. */
export const f64 = {
  eq: binary(0x61),
  lt: binary(0x63),
  gt: binary(0x64),
  le: binary(0x65),
  ge: binary(0x66),
  /** The value without its sign. */
  abs: unary(0x99),
  sqrt: unary(0x9f),
  add: binary(0xa0),
  sub: binary(0xa1),
  mul: binary(0xa2),
  div: binary(0xa3),
  /** A 32-bit signed integer, which it can always hold. */
  convert_i32_s: unary(0xb7),
  /** The same of an unsigned one. */
  convert_i32_u: unary(0xb8),
  /** The nearest one to a 64-bit signed integer. */
  convert_i64_s: unary(0xb9),
  /** The same of an unsigned one. */
  convert_i64_u: unary(0xba),
  /** A 32-bit floating-point value, which it can always hold. */
  promote: unary(0xbb),
  /** The value with these bits. */
  reinterpret: unary(0xbf),
};

/** Code that may leave through `label` to its end. */
export function block(label: Label, body: Code): Code {
  return byte(0x02) + byte(VOID) + enter(label) + joined(body) + LEAVE + END;
}

/** Code that may go back to its start through `label`. */
export function loop(label: Label, body: Code): Code {
  return byte(0x03) + byte(VOID) + enter(label) + joined(body) + LEAVE + END;
}

/** Runs `body` when the 32-bit `condition` is not zero. */
export function when(condition: Code, body: Code, otherwise?: Code): Code {
  return conditional(VOID, condition, body, otherwise);
}

/** One of two values; only the chosen one is computed. */
export function either(type: ValueType, condition: Code, yes: Code, no: Code): Code {
  return conditional(valueType[type], condition, yes, no);
}

function conditional(type: number, condition: Code, body: Code, otherwise?: Code): Code {
  const alternative = otherwise === undefined ? "" : ELSE + joined(otherwise);
  return joined(condition) + byte(0x04) + byte(type) + enter(NAMELESS) + joined(body) +
    alternative + LEAVE + END;
}

/** A condition of a branch that is hardly ever met: compilers keep what depends on it out of the way. */
export function unlikely(condition: Code): Code {
  return joined(condition) + byte(MARK.unlikely);
}

/** A condition of a branch that is nearly always met. */
export function likely(condition: Code): Code {
  return joined(condition) + byte(MARK.likely);
}

/** One of two values; both are computed. */
export function select(condition: Code, yes: Code, no: Code): Code {
  return joined(yes) + joined(no) + joined(condition) + byte(0x1b);
}

/** Goes to `label`. */
export function br(label: Label): Code {
  return byte(0x0c) + target(label);
}

/** Goes to `label` when the 32-bit `condition` is not zero. */
export function brIf(label: Label, condition: Code): Code {
  return joined(condition) + byte(0x0d) + target(label);
}

/** Goes to `labels[index]`, or to `fallback` when there is none. */
export function brTable(index: Code, labels: readonly Label[], fallback: Label): Code {
  return joined(index) + byte(0x0e) + unsigned(labels.length) + labels.map(target).join("") +
    target(fallback);
}

/** Calls the function with this index. */
export function call(functionIndex: number, ...args: readonly Code[]): Code {
  return joined(args) + byte(0x10) + unsigned(functionIndex);
}

/** Calls the function in this place of the table, which must be of this type. */
export function callIndirect(typeIndex: number, place: Code, ...args: readonly Code[]): Code {
  return joined(args) + joined(place) + byte(0x11) + unsigned(typeIndex) + byte(0x00);
}

/** Returns what the function in this place of the table, which must be of this type, returns; in its stead. */
export function returnCallIndirect(typeIndex: number, place: Code, ...args: readonly Code[]): Code {
  return joined(args) + joined(place) + byte(0x13) + unsigned(typeIndex) + byte(0x00);
}

/** Computes a value for its effects only. */
export function drop(value: Code): Code {
  return joined(value) + byte(0x1a);
}

/** Returns from the function. */
export const leave: Code = byte(0x0f);

/** Emits nothing, but {@linkcode assemble} tells where it stands. */
export function note(number: number): Code {
  return byte(MARK.note) + numberCharacters(number);
}

/** A place in code that was marked. */
export interface NotePlace {
  /** Where in its code it is. */
  readonly at: number;
  /** The number that it was marked with. */
  readonly number: number;
}

/** What a branch likely does. */
export interface BranchHint {
  /** Where in its code the branch is. */
  readonly at: number;
  /** Whether it is taken, or the code of an `if` entered. */
  readonly likely: boolean;
}

/** Code as bytes. */
export interface AssembledCode {
  /** The bytes, labels resolved. */
  readonly bytes: Uint8Array;
  /** In the order of the branches. */
  readonly hints: readonly BranchHint[];
  /** In the order of their places. */
  readonly notes: readonly NotePlace[];
}

/** Assembles code. */
export function assemble(code: Code): AssembledCode {
  const text = joined(code);
  // A depth takes no more bytes than the three characters that stand for it.
  const bytes = new Uint8Array(text.length);
  const hints: BranchHint[] = [];
  const notes: NotePlace[] = [];
  /** How many blocks enclose the one of a label. */
  const depths = new Map<number, number>();
  const open: number[] = [];
  const numberAt = (at: number) =>
    (text.charCodeAt(at) & LABEL_CHARACTER_MASK) << LABEL_CHARACTER_BITS |
    (text.charCodeAt(at + 1) & LABEL_CHARACTER_MASK);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character < MARK.enter) {
      bytes[length++] = character;
    } else if (character === MARK.enter) {
      depths.set(numberAt(at + 1), open.length);
      open.push(numberAt(at + 1));
      at += 2;
    } else if (character === MARK.leave) {
      depths.delete(open.pop()!);
    } else if (character === MARK.target) {
      const depth = depths.get(numberAt(at + 1));
      if (depth === undefined) throw new Error("Cannot branch to a label that is not open");
      for (const part of unsignedLeb(open.length - 1 - depth)) bytes[length++] = part;
      at += 2;
    } else if (character === MARK.note) {
      notes.push({ at: length, number: numberAt(at + 1) });
      at += 2;
    } else {
      hints.push({ at: length, likely: character === MARK.likely });
    }
  }
  return { bytes: bytes.subarray(0, length), hints, notes };
}
