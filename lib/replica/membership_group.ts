/**
 * The membership records of several disks as one: each disk has a record (rule 6), a write goes to all of
 * them, and whoever asks them gets the worst answer. A write that reaches only some disks is unsure, and
 * an unsure write counts as both outcomes.
 */
import { MembershipFile, membershipPath, readMembership } from "./membership.ts";
import type { MembershipStore } from "./roster.ts";
import type { MembershipRecord, RecordFound } from "./rules.ts";

/** The record files of an active machine's disks, or of its arbiter file. */
export class MembershipGroup implements MembershipStore {
  readonly #files: readonly MembershipFile[];

  private constructor(files: readonly MembershipFile[]) {
    this.#files = files;
  }

  /** Opens the records beside `realPaths`; the caller holds the lock on all of them. */
  static async open(realPaths: readonly string[]): Promise<MembershipGroup> {
    const files: MembershipFile[] = [];
    try {
      for (const path of realPaths) files.push(await MembershipFile.open(membershipPath(path)));
    } catch (error) {
      for (const file of files) await file.close();
      throw error;
    }
    return new MembershipGroup(files);
  }

  /** What stood in each file when it was opened. */
  get found(): readonly RecordFound[] {
    return this.#files.map(({ found }) => found);
  }

  async write(record: MembershipRecord): Promise<void> {
    for (const file of this.#files) await file.write(record);
  }

  /** Waits for the write under way and frees the files. */
  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }
}

/** The records beside `realPaths` as they stand; needs no lock. */
export async function readMemberships(realPaths: readonly string[]): Promise<RecordFound[]> {
  const found: RecordFound[] = [];
  for (const path of realPaths) found.push(await readMembership(membershipPath(path)));
  return found;
}
