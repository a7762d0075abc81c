/**
 * The membership record: who may be promoted, in a small file beside the disk image (design section 6,
 * rule "record writes"). The fence says who may write it; anybody may read it.
 *
 * The file is put in place whole, with two slots. A write goes to the older slot and then to the medium,
 * so that at every moment, and after a crash at any byte, one slot is valid and says either what was
 * decided before or what is decided now.
 */
import fs from "node:fs";
import { errorText, isFull } from "../host/fault.ts";
import {
  openPositionalFile,
  type PositionalFile,
  readFully,
  writeFully,
} from "../host/positional_file.ts";
import { decodeSlot, encodeSlot, SLOT_BYTES } from "./membership_slot.ts";
import type { MembershipRecord, RecordFound } from "./rules.ts";

const FILE_BYTES = 2 * SLOT_BYTES;

/** Reads until two in a row agree; a writer that keeps up with more than this is not one. */
const READ_ATTEMPTS = 64;

/** Where records are kept; tests put a medium here that stops at any byte. */
export interface MembershipStorage {
  /** Whether there is a file at `path`. */
  exists(path: string): boolean;
  /** Opens an existing file. */
  open(path: string, access: "read" | "read-write"): PositionalFile;
  /** Makes a new empty file, mode 0600, in place of any old one. */
  create(path: string): PositionalFile;
  /** Puts `from` in the place of `to` at one stroke, on the medium when it returns. */
  replace(from: string, to: string): Promise<void>;
}

/**
 * A record did not reach the medium for certain: it and the one before both count until a later write
 * succeeds (`writeFailed` in `rules.ts`).
 */
export class MembershipWriteError extends Error {
  /** The record file. */
  readonly path: string;
  /** What was to be written. */
  readonly record: MembershipRecord;
  /** The medium is full; a retry may succeed when there is room. */
  readonly full: boolean;

  /** `cause` is the operating system's error. */
  constructor(path: string, record: MembershipRecord, cause: unknown) {
    const full = isFull(cause);
    const remedy = full ? "free some space" : "check the disk that it is on";
    super(`Cannot write the membership record ${path}: ${errorText(cause)}; ${remedy}`, { cause });
    this.name = "MembershipWriteError";
    this.path = path;
    this.record = record;
    this.full = full;
  }
}

/** The record file of the disk image or arbiter file whose real path is `realPath`. */
export function membershipPath(realPath: string): string {
  return `${realPath}.lockstep`;
}

/** Reads the record at `path` as it stands; needs no lock. */
export async function readMembership(
  path: string,
  storage: MembershipStorage = HOST_STORAGE,
): Promise<RecordFound> {
  if (!storage.exists(path)) return { found: "nothing" };
  const file = storage.open(path, "read");
  try {
    return (await readSlots(file, path)).found;
  } finally {
    file.close();
  }
}

/**
 * The record file in the hands of the fence's holder. It knows where to write; what a write whose outcome
 * is unsure means is for `rules.ts` (`RecordKnowledge`).
 */
export class MembershipFile {
  /** The record file. */
  readonly path: string;
  /** What stood in the file when it was opened. */
  readonly found: RecordFound;
  readonly #storage: MembershipStorage;
  #file: PositionalFile | undefined;
  /** Slot, 0 or 1, that holds the last durable record and is not written to; undefined when none does. */
  #durableSlot: number | undefined;
  #lastSequence: number;
  #writing: Promise<unknown> | undefined;
  #closed = false;

  private constructor(
    path: string,
    storage: MembershipStorage,
    file: PositionalFile | undefined,
    slots: Slots,
  ) {
    this.path = path;
    this.found = slots.found;
    this.#storage = storage;
    this.#file = file;
    this.#durableSlot = slots.slot;
    this.#lastSequence = slots.sequence;
  }

  /**
   * Opens the record at `path`, which need not exist; the caller holds the fence. What is found is brought
   * to the medium first, because the next write goes to the other slot.
   */
  static async open(
    path: string,
    storage: MembershipStorage = HOST_STORAGE,
  ): Promise<MembershipFile> {
    if (!storage.exists(path)) return new MembershipFile(path, storage, undefined, NO_SLOTS);
    const file = storage.open(path, "read-write");
    try {
      await file.dataSync();
      return new MembershipFile(path, storage, file, await readSlots(file, path));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Writes `record` and resolves when it is on the medium. One write at a time: the caller makes each
   * from the last durable record, so it cannot have made this one before the last has ended.
   *
   * @throws {MembershipWriteError} when that is not certain: both the old and the new record count then.
   * A retry is another call.
   * @throws {MembershipSizeError} when nothing was written, because there are too many members
   */
  async write(record: MembershipRecord): Promise<void> {
    if (this.#closed) throw new Error(`Membership record ${this.path} is closed`);
    if (this.#writing !== undefined) {
      throw new Error(`A write of the membership record ${this.path} is under way`);
    }
    // A sequence number is never used twice, also not after a write that failed.
    const sequence = this.#lastSequence + 1;
    const bytes = encodeSlot({ sequence, record });
    this.#lastSequence = sequence;
    const writing = this.#durableSlot === undefined
      ? this.#putInPlace(bytes)
      : this.#writeSlot(1 - this.#durableSlot, bytes);
    this.#writing = writing.catch(() => {});
    try {
      this.#durableSlot = await writing;
    } catch (error) {
      throw new MembershipWriteError(this.path, record, error);
    } finally {
      this.#writing = undefined;
    }
  }

  /** Waits for the write under way and frees the file. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#writing;
    this.#file?.close();
  }

  async #writeSlot(slot: number, bytes: Uint8Array): Promise<number> {
    const file = this.#file;
    if (file === undefined) throw new Error("A slot was read from no file");
    await writeFully(file, bytes, slot * SLOT_BYTES);
    await file.dataSync();
    return slot;
  }

  /** Makes the file under another name, and moves it into place whole. */
  async #putInPlace(first: Uint8Array): Promise<number> {
    const temporary = `${this.path}.new`;
    const file = this.#storage.create(temporary);
    try {
      const bytes = new Uint8Array(FILE_BYTES);
      bytes.set(first);
      await writeFully(file, bytes, 0);
      await file.dataSync();
      await this.#storage.replace(temporary, this.path);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#file?.close();
    this.#file = file;
    return 0;
  }
}

interface Slots {
  readonly found: RecordFound;
  /** The slot that counts; undefined when neither is valid. */
  readonly slot: number | undefined;
  /** Its sequence number; 0 when neither is valid. */
  readonly sequence: number;
}

const NO_SLOTS: Slots = { found: { found: "nothing" }, slot: undefined, sequence: 0 };

/**
 * A reader without the lock may come between two writes and see the old half of one and the torn half of
 * the next. Two equal looks rule that out.
 */
async function readSlots(file: PositionalFile, path: string): Promise<Slots> {
  let previous = await readWhole(file);
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
    const bytes = await readWhole(file);
    if (equalBytes(previous, bytes)) return newest(bytes);
    previous = bytes;
  }
  throw new Error(`The membership record ${path} changes faster than it can be read; try again`);
}

async function readWhole(file: PositionalFile): Promise<Uint8Array> {
  const bytes = new Uint8Array(FILE_BYTES);
  await readFully(file, bytes, 0);
  return bytes;
}

function newest(bytes: Uint8Array): Slots {
  let newest: Slots = { found: { found: "damage" }, slot: undefined, sequence: 0 };
  for (const slot of [0, 1]) {
    const said = decodeSlot(bytes.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES));
    if (said === undefined || said.sequence <= newest.sequence) continue;
    newest = { found: { found: "record", record: said.record }, slot, sequence: said.sequence };
  }
  return newest;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index]);
}

/** The host's file system. */
export const HOST_STORAGE: MembershipStorage = {
  exists: (path) => fs.existsSync(path),
  open: (path, access) => openPositionalFile(path, { access }),
  create(path) {
    fs.rmSync(path, { force: true });
    return openPositionalFile(path, { access: "read-write", create: "new" });
  },
  async replace(from, to) {
    fs.renameSync(from, to);
    await syncDirectoryOf(to);
  },
};

/** A rename is on the medium once its directory is. */
async function syncDirectoryOf(path: string): Promise<void> {
  const directory = path.slice(0, path.lastIndexOf("/") + 1) || ".";
  const descriptor = fs.openSync(directory, fs.constants.O_RDONLY);
  try {
    await new Promise<void>((resolve, reject) => {
      fs.fsync(descriptor, (error) => error ? reject(error) : resolve());
    });
  } finally {
    fs.closeSync(descriptor);
  }
}
