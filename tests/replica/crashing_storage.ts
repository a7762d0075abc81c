/**
 * A file system in memory that stops at any byte: the process dies and what it wrote stays, or the host
 * dies and of what was not synced any sectors may be lost.
 */
import type { FileIdentity, PositionalFile } from "../../lib/host/positional_file.ts";
import type { MembershipStorage } from "../../lib/replica/membership.ts";
import { systemError } from "../host/faulty_file.ts";

const SECTOR_BYTES = 512;

interface StoredFile {
  /** As a process of this host reads it. */
  cached: Uint8Array;
  /** As it is on the medium. */
  durable: Uint8Array;
}

/** Thrown at every access once the budget is spent: the process is dead. */
export class Crash extends Error {}

/** Names and files. */
export class CrashingStorage implements MembershipStorage {
  #names = new Map<string, StoredFile>();
  #durableNames = new Map<string, StoredFile>();
  #dead = false;
  /** Bytes that may still be written before the process dies; a sync or rename costs one. */
  budget = Infinity;
  /** Thrown by syncs while set. */
  syncError: Error | undefined;
  /** Bytes of the medium. */
  capacity = Infinity;
  /** Largest piece that a write takes. */
  atMost = Infinity;
  /** Called before each write, as a reader that comes between. */
  beforeWrite: () => void | Promise<void> = () => {};

  /** What a new process finds after this one was killed. */
  afterKill(): CrashingStorage {
    const next = new CrashingStorage();
    next.#names = new Map(this.#names);
    next.#durableNames = new Map(this.#durableNames);
    return next;
  }

  /** What is found after the host died; `kept` decides for each sector that was not synced. */
  afterPowerLoss(kept: () => boolean): CrashingStorage {
    const next = new CrashingStorage();
    for (const [name, file] of kept() ? this.#names : this.#durableNames) {
      const survived = new Uint8Array(file.cached.length);
      for (let at = 0; at < survived.length; at += SECTOR_BYTES) {
        const from = kept() ? file.cached : file.durable;
        survived.set(from.subarray(at, at + SECTOR_BYTES), at);
      }
      next.#names.set(name, { cached: survived, durable: survived.slice() });
    }
    next.#durableNames = new Map(next.#names);
    return next;
  }

  /** The bytes of a file, to be damaged. */
  bytesOf(path: string): Uint8Array {
    return this.#names.get(path)!.cached;
  }

  exists(path: string): boolean {
    return this.#names.has(path);
  }

  open(path: string): PositionalFile {
    return this.#access(this.#names.get(path)!);
  }

  create(path: string): PositionalFile {
    this.#spend(1);
    const file = { cached: new Uint8Array(0), durable: new Uint8Array(0) };
    this.#names.set(path, file);
    return this.#access(file);
  }

  async replace(from: string, to: string): Promise<void> {
    this.#spend(1);
    this.#names.set(to, this.#names.get(from)!);
    this.#names.delete(from);
    await Promise.resolve();
    this.#spend(1);
    if (this.syncError) throw this.syncError;
    this.#durableNames = new Map(this.#names);
  }

  /** Spends up to `count` of the budget; what is left for the caller, or death. */
  #spend(count: number): number {
    if (this.#dead || this.budget <= 0) {
      this.#dead = true;
      throw new Crash("The process is dead");
    }
    const spent = Math.min(count, this.budget);
    this.budget -= spent;
    return spent;
  }

  #access(file: StoredFile): PositionalFile {
    return {
      read: (into, position) => {
        const part = file.cached.subarray(position, position + into.length);
        into.set(part);
        return Promise.resolve(part.length);
      },
      write: async (data, position) => {
        await this.beforeWrite();
        const room = this.capacity - position;
        if (room <= 0) throw systemError("ENOSPC");
        const count = this.#spend(Math.min(data.length, room, this.atMost));
        if (position + count > file.cached.length) {
          const grown = new Uint8Array(position + count);
          grown.set(file.cached);
          file.cached = grown;
        }
        file.cached.set(data.subarray(0, count), position);
        return count;
      },
      dataSync: async () => {
        await Promise.resolve();
        this.#spend(1);
        if (this.syncError) throw this.syncError;
        file.durable = file.cached.slice();
      },
      size: () => file.cached.length,
      identity: (): FileIdentity => ({ device: 1, inode: 1 }),
      close: () => {},
    };
  }
}
