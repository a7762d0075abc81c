/** A log that a live machine keeps and nobody is promoted from: one stream, or a series of files. */
import type { LogRecord } from "../epoch/record.ts";
import type { PendingRecords } from "./attachment.ts";

/** Where a live machine's records go. */
export interface MachineLog {
  /** Bytes handed to the kernel so far. */
  readonly sentBytes: number;
  /** Whether the guest should wait for {@linkcode drained}. */
  readonly full: boolean;
  /** Takes a record. */
  send(record: LogRecord): void;
  /** Takes a key snapshot of this moment. */
  sendSnapshot(snapshot: PendingRecords): void;
  /** Resolves when there is room again, or the log is lost. */
  drained(): Promise<void>;
  /** Called at an epoch's end, when its record has been sent. */
  epochEnded?(): void;
  /** Writes what is left and ends the stream. */
  finish(): Promise<void>;
  /** Lets go at once. */
  close(): void;
}
