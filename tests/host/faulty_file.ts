/** Files in memory whose medium fails, fills up, takes little at a time, or is slow. */
import type { FileIdentity, PositionalFile } from "../../lib/host/positional_file.ts";

/** An error as the operating system gives it. */
export function systemError(code: "EIO" | "ENOSPC" | "EPIPE"): Error {
  return Object.assign(new Error(`${code}: test fault`), { code });
}

/** What a test sets on a {@linkcode FaultyFile}. */
export interface Faults {
  /** Thrown by the next reads, writes, syncs while set. */
  readError?: Error | undefined;
  writeError?: Error | undefined;
  syncError?: Error | undefined;
  /** Most bytes that one write or read takes. */
  atMost?: number;
  /** Writes wait for this before they change anything. */
  gate?: Promise<void> | undefined;
  /** Bytes of the medium; more give ENOSPC after what fits is written. */
  capacity?: number;
}

/** A file in memory with the faults of a real one. */
export class FaultyFile implements PositionalFile {
  readonly faults: Faults = {};
  /** What happened, in order: `write 0+512`, `sync`. */
  readonly events: string[] = [];
  closed = false;
  bytes: Uint8Array;

  constructor(bytes: number) {
    this.bytes = new Uint8Array(bytes);
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    await this.faults.gate;
    if (this.faults.readError) throw this.faults.readError;
    const most = Math.min(into.length, this.faults.atMost ?? Infinity);
    const part = this.bytes.subarray(position, position + most);
    into.set(part);
    return part.length;
  }

  async write(data: Uint8Array, position: number): Promise<number> {
    await this.faults.gate;
    if (this.faults.writeError) throw this.faults.writeError;
    const room = (this.faults.capacity ?? Infinity) - position;
    if (room <= 0) throw systemError("ENOSPC");
    const count = Math.min(data.length, this.faults.atMost ?? Infinity, room);
    if (position + count > this.bytes.length) {
      const grown = new Uint8Array(position + count);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(data.subarray(0, count), position);
    this.events.push(`write ${position}+${count}`);
    return count;
  }

  async dataSync(): Promise<void> {
    await this.faults.gate;
    if (this.faults.syncError) throw this.faults.syncError;
    this.events.push("sync");
  }

  size(): number {
    return this.bytes.length;
  }

  identity(): FileIdentity {
    return { device: 1, inode: 1 };
  }

  close(): void {
    this.closed = true;
  }
}
