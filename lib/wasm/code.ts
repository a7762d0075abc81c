/**
 * WebAssembly code as data: values nest the way formulas do, `i64.add(a, b)`, and labels are resolved to
 * relative depths only when the function body is assembled.
 */
import { signedLeb, unsignedLeb } from "./leb128.ts";

/** A place that `br` can name: the end of a block, or the start of a loop. Each is its own. */
export class Label {
  /** Where the label stands among others is known only when code is assembled. */
  readonly kind = "label";
}

/** Where a label begins and ends, or is branched to. */
export type Mark =
  | { readonly kind: "enter"; readonly label: Label }
  | { readonly kind: "leave" }
  | { readonly kind: "target"; readonly label: Label };

/** A piece of code: bytes, marks, and other pieces. */
export type Code = readonly (number | Mark | Code)[];

const enter = (label: Label): Mark => ({ kind: "enter", label });
const target = (label: Label): Mark => ({ kind: "target", label });
const end: Mark = { kind: "leave" };

/** Value types (WebAssembly specification, section 5.3.1). */
export const valueType = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c } as const;
/** A value type. */
export type ValueType = keyof typeof valueType;

const VOID = 0x40;
const END = 0x0b;

/** A local variable of the function being built. */
export class Local {
  /** Its value. */
  readonly get: Code;

  /** The local with this index among parameters and locals. */
  constructor(readonly index: number, readonly type: ValueType) {
    this.get = [0x20, ...unsignedLeb(index)];
  }

  /** Stores `value`. */
  set(value: Code): Code {
    return [value, 0x21, ...unsignedLeb(this.index)];
  }
}

const binary = (opcode: number) => (a: Code, b: Code): Code => [a, b, opcode];
const unary = (opcode: number) => (a: Code): Code => [a, opcode];
const loading = (opcode: number, log2Bytes: number) => (address: Code, offset = 0): Code => [
  address,
  opcode,
  log2Bytes,
  ...unsignedLeb(offset),
];
const storing =
  (opcode: number, log2Bytes: number) => (address: Code, value: Code, offset = 0): Code => [
    address,
    value,
    opcode,
    log2Bytes,
    ...unsignedLeb(offset),
  ];

/** Instructions on 32-bit integers. */
export const i32 = {
  const: (value: number): Code => [0x41, ...signedLeb(value | 0)],
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
  const: (value: number | bigint): Code => [
    0x42,
    ...signedLeb(typeof value === "bigint" ? BigInt.asIntN(64, value) : value),
  ],
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
  /** The bits of a 64-bit floating-point value. */
  reinterpret: unary(0xbd),
};

/** Instructions on 32-bit floating-point values: round to nearest, no flags, NaN payloads open. */
export const f32 = {
  eq: binary(0x5b),
  lt: binary(0x5d),
  le: binary(0x5f),
  sqrt: unary(0x91),
  add: binary(0x92),
  sub: binary(0x93),
  mul: binary(0x94),
  div: binary(0x95),
  /** The nearest one to a 64-bit floating-point value. */
  demote: unary(0xb6),
  /** The value with these bits. */
  reinterpret: unary(0xbe),
};

/** The same on 64-bit floating-point values. */
export const f64 = {
  eq: binary(0x61),
  lt: binary(0x63),
  le: binary(0x65),
  sqrt: unary(0x9f),
  add: binary(0xa0),
  sub: binary(0xa1),
  mul: binary(0xa2),
  div: binary(0xa3),
  /** A 32-bit signed integer, which it can always hold. */
  convert_i32_s: unary(0xb7),
  /** The same of an unsigned one. */
  convert_i32_u: unary(0xb8),
  /** A 32-bit floating-point value, which it can always hold. */
  promote: unary(0xbb),
  /** The value with these bits. */
  reinterpret: unary(0xbf),
};

/** Code that may leave through `label` to its end. */
export function block(label: Label, body: Code): Code {
  return [0x02, VOID, enter(label), body, end, END];
}

/** Code that may go back to its start through `label`. */
export function loop(label: Label, body: Code): Code {
  return [0x03, VOID, enter(label), body, end, END];
}

/** Runs `body` when the 32-bit `condition` is not zero. */
export function when(condition: Code, body: Code, otherwise?: Code): Code {
  const alternative: Code = otherwise === undefined ? [] : [0x05, otherwise];
  return [condition, 0x04, VOID, enter(new Label()), body, alternative, end, END];
}

/** One of two values; only the chosen one is computed. */
export function either(type: ValueType, condition: Code, yes: Code, no: Code): Code {
  return [
    condition,
    0x04,
    valueType[type],
    enter(new Label()),
    yes,
    0x05,
    no,
    end,
    END,
  ];
}

/** One of two values; both are computed. */
export function select(condition: Code, yes: Code, no: Code): Code {
  return [yes, no, condition, 0x1b];
}

/** Goes to `label`. */
export function br(label: Label): Code {
  return [0x0c, target(label)];
}

/** Goes to `label` when the 32-bit `condition` is not zero. */
export function brIf(label: Label, condition: Code): Code {
  return [condition, 0x0d, target(label)];
}

/** Goes to `labels[index]`, or to `fallback` when there is none. */
export function brTable(index: Code, labels: readonly Label[], fallback: Label): Code {
  return [
    index,
    0x0e,
    ...unsignedLeb(labels.length),
    ...labels.map(target),
    target(fallback),
  ];
}

/** Calls the function with this index. */
export function call(functionIndex: number, ...args: readonly Code[]): Code {
  return [args, 0x10, ...unsignedLeb(functionIndex)];
}

/** Calls the function in this place of the table, which must be of this type. */
export function callIndirect(typeIndex: number, place: Code, ...args: readonly Code[]): Code {
  return [args, place, 0x11, ...unsignedLeb(typeIndex), 0x00];
}

/** Computes a value for its effects only. */
export function drop(value: Code): Code {
  return [value, 0x1a];
}

/** Returns from the function. */
export const leave: Code = [0x0f];

/** The bytes of a function body, labels resolved. */
export function assemble(code: Code): number[] {
  const bytes: number[] = [];
  /** How many blocks enclose the one of a label. */
  const depths = new Map<Label, number>();
  const open: Label[] = [];
  const visit = (piece: Code) => {
    for (const item of piece) {
      if (typeof item === "number") bytes.push(item);
      else if (item instanceof Array) visit(item);
      else mark(item);
    }
  };
  const mark = (item: Mark) => {
    if (item.kind === "enter") {
      depths.set(item.label, open.length);
      open.push(item.label);
    } else if (item.kind === "leave") {
      depths.delete(open.pop()!);
    } else {
      const depth = depths.get(item.label);
      if (depth === undefined) throw new Error("Cannot branch to a label that is not open");
      bytes.push(...unsignedLeb(open.length - 1 - depth));
    }
  };
  visit(code);
  return bytes;
}
