/** What can be wrong with a log, with the place where it is wrong. */

/**
 * - `damaged`: the bytes are not what the writer wrote (framing or checksum).
 * - `malformed`: the bytes are intact, but no record of this format.
 * - `unsupported`: the header is of another version of the format.
 * - `out-of-order`: a sound record where the grammar of a log does not allow it.
 */
export type LogErrorReason = "damaged" | "malformed" | "unsupported" | "out-of-order";

/** Where in a stream an error was found. */
export interface LogPlace {
  /** The record, counted from 0, the header. */
  readonly recordNumber: number;
  /** Where its frame starts, in bytes from the start of the stream. */
  readonly byteOffset: number;
  /** Its kind, once that is known. */
  readonly recordKind?: string | undefined;
}

/** A log or return stream that must not be believed from this record on. */
export class LogError extends Error {
  /** The class, for messages. */
  override readonly name = "LogError";
  /** The record, counted from 0, the header. */
  readonly recordNumber: number;
  /** Where its frame starts, in bytes from the start of the stream. */
  readonly byteOffset: number;
  /** The record's kind, once that is known. */
  readonly recordKind: string | undefined;
  /** The field at fault, as a path such as `completions[2].status`, when a field is at fault. */
  readonly field: string | undefined;

  /** `problem` is the sentence after the place: what is wrong there. */
  constructor(
    readonly reason: LogErrorReason,
    place: LogPlace,
    readonly problem: string,
    field?: string,
  ) {
    const kind = place.recordKind === undefined ? "" : ` (${place.recordKind})`;
    const at = field === undefined || field === "" ? "" : ` field ${field}`;
    super(
      `Log is ${reason} at record ${place.recordNumber}${kind}, byte ${place.byteOffset}:` +
        `${at} ${problem}`,
    );
    this.recordNumber = place.recordNumber;
    this.byteOffset = place.byteOffset;
    this.recordKind = place.recordKind;
    this.field = field;
  }
}

/** A value outside its schema; the path grows while the error passes through the containers. */
export class FieldError extends Error {
  /** The class, for messages. */
  override readonly name = "FieldError";
  /** Path from the record to the value. */
  path = "";

  /** `problem` says what the value is and what it must be. */
  constructor(readonly problem: string) {
    super(problem);
  }

  /** Puts the name of an enclosing field or element before the path. */
  within(part: string): this {
    this.path = this.path === "" || this.path.startsWith("[")
      ? part + this.path
      : `${part}.${this.path}`;
    return this;
  }
}
