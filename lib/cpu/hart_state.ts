/** Saving and restoring a hart as named plain data; what is restored is not trusted. */
import { type Field, fields, type HartBlock, legal, MSTATUS_FIXED } from "./hart_block.ts";
import { isReserved } from "./pmp.ts";
import { MPP_SHIFT } from "./privilege.ts";

/** All architectural state of a hart. */
export interface HartState {
  /** x1 to x31, unsigned. */
  readonly registers: readonly bigint[];
  /** pc, privilege, CSRs, reservation and counts, unsigned, by name. */
  readonly fields: Readonly<Record<string, bigint>>;
}

/** A hart state that was not saved by a hart. */
export class HartStateError extends Error {
  /** For telling errors apart. */
  override readonly name = "HartStateError";
}

const REGISTERS = 31;

/** The state in a hart block. */
export function saveHart(block: HartBlock): HartState {
  return {
    registers: Array.from({ length: REGISTERS }, (_, index) => block.register(index + 1)),
    fields: Object.fromEntries(fields.map((field) => [field, block.get(field)])),
  };
}

/**
 * Puts a state into a hart block.
 * @throws {HartStateError} When it is not one that a hart can be in; the block is unchanged then.
 */
export function restoreHart(block: HartBlock, state: unknown): void {
  const { registers, fields: values } = asRecord(state, "hart state");
  if (!Array.isArray(registers) || registers.length !== REGISTERS) {
    throw new HartStateError(`Cannot restore a hart: expected ${REGISTERS} registers`);
  }
  const words = registers.map((value, index) => asWord(value, `x${index + 1}`));
  const named = asRecord(values, "hart fields");
  const checked = fields.map((field): [Field, bigint] => [field, asWord(named[field], field)]);
  checkLegal(new Map(checked));
  words.forEach((value, index) => block.setRegister(index + 1, value));
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

/** A 64-bit word; encoders may have made a small one a number. */
function asWord(value: unknown, what: string): bigint {
  const word = typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof word !== "bigint" || word !== BigInt.asUintN(64, word)) {
    throw new HartStateError(`Cannot restore a hart: ${what} is not a 64-bit unsigned integer`);
  }
  return word;
}
