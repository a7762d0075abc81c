/** Saving and restoring a hart as named plain data; what is restored is not trusted. */
import { type Field, fields, type HartBlock, legal, MSTATUS_FIXED } from "./hart_block.ts";
import { isReserved } from "./pmp.ts";
import { MPP_SHIFT } from "./privilege.ts";

/** All architectural state of a hart. */
export interface HartState {
  /** x1 to x31, unsigned. */
  readonly registers: readonly bigint[];
  /** f0 to f31, the 64 bits of each, unsigned; a state from before there were any has none. */
  readonly floatRegisters?: readonly bigint[];
  /** pc, privilege, CSRs, reservation and counts, unsigned, by name. */
  readonly fields: Readonly<Record<string, bigint>>;
}

/** A hart state that was not saved by a hart. */
export class HartStateError extends Error {
  /** For telling errors apart. */
  override readonly name = "HartStateError";
}

/** Fields that a state saved before floating point was there does not have; nor has it f registers, which were 0. */
const laterFields: Readonly<Partial<Record<Field, bigint>>> = { fcsr: 0n };

const REGISTERS = 31;
const FLOAT_REGISTERS = 32;

/** The state in a hart block. */
export function saveHart(block: HartBlock): HartState {
  return {
    registers: Array.from({ length: REGISTERS }, (_, index) => block.register(index + 1)),
    floatRegisters: Array.from(
      { length: FLOAT_REGISTERS },
      (_, index) => block.floatRegister(index),
    ),
    fields: Object.fromEntries(fields.map((field) => [field, block.get(field)])),
  };
}

/**
 * Puts a state into a hart block.
 * @throws {HartStateError} When it is not one that a hart can be in; the block is unchanged then.
 */
export function restoreHart(block: HartBlock, state: unknown): void {
  const { registers, floatRegisters, fields: values } = asRecord(state, "hart state");
  const words = asWords(registers, REGISTERS, (index) => `x${index + 1}`);
  const floatWords = floatRegisters === undefined
    ? Array<bigint>(FLOAT_REGISTERS).fill(0n)
    : asWords(floatRegisters, FLOAT_REGISTERS, (index) => `f${index}`);
  const named = asRecord(values, "hart fields");
  const checked = fields.map((field): [Field, bigint] => [
    field,
    asWord(named[field] ?? laterFields[field], field),
  ]);
  checkLegal(new Map(checked));
  words.forEach((value, index) => block.setRegister(index + 1, value));
  floatWords.forEach((value, index) => block.setFloatRegister(index, value));
  for (const [field, value] of checked) block.set(field, value);
}

function checkLegal(values: ReadonlyMap<Field, bigint>): void {
  const refuse = (field: Field) => {
    throw new HartStateError(
      `Cannot restore a hart: ${field} cannot be 0x${values.get(field)!.toString(16)}`,
    );
  };
  for (const [field, value] of values) if ((value & ~legal(field)) !== 0n) refuse(field);
  const mstatus = values.get("mstatus")!;
  if ((mstatus & MSTATUS_FIXED) !== MSTATUS_FIXED) refuse("mstatus");
  if ((mstatus >> BigInt(MPP_SHIFT) & 3n) === 2n) refuse("mstatus");
  if (values.get("privilege") === 2n) refuse("privilege");
  for (const register of ["pmpcfg0", "pmpcfg2"] as const) {
    if (isReserved(values.get(register)!)) refuse(register);
  }
  if (values.get("reservationBytes") === 12n) refuse("reservationBytes");
  if (values.get("trapsTaken")! > values.get("steps")!) refuse("trapsTaken");
}

function asRecord(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null) {
    throw new HartStateError(`Cannot restore a hart: ${what} is not an object`);
  }
  return value as Record<string, unknown>;
}

function asWords(value: unknown, count: number, nameOf: (index: number) => string): bigint[] {
  if (!Array.isArray(value) || value.length !== count) {
    throw new HartStateError(
      `Cannot restore a hart: expected ${count} registers from ${nameOf(0)}`,
    );
  }
  return value.map((word, index) => asWord(word, nameOf(index)));
}

/** A 64-bit word; encoders may have made a small one a number. */
function asWord(value: unknown, what: string): bigint {
  const word = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof word !== "bigint" || word !== BigInt.asUintN(64, word)) {
    throw new HartStateError(`Cannot restore a hart: ${what} is not a 64-bit unsigned integer`);
  }
  return word;
}
