/**
 * The records of an epoch log as plain types (design section 3). `lib/log` turns them into bytes;
 * the CDDL schema beside it is the normative description.
 */
import type { Completion, Operation } from "../board/operation.ts";
import type { TimeBase } from "../board/environment.ts";
import type { MachineConfiguration, MachineState } from "../board/machine.ts";

/** A 64-bit digest of machine state. */
export type Digest = bigint;

/** First record of every stream: who writes it, and what machine it is about. Never a path. */
export interface HeaderRecord {
  /** Which record it is. */
  readonly kind: "header";
  /** Format version. */
  readonly version: number;
  /** Random id of the run, 16 bytes as 32 hex digits; all streams of one run share it. */
  readonly run: string;
  /** 1 for the machine that booted; each promotion adds one. */
  readonly term: number;
  /** Random id of this one attachment, 32 hex digits; absent in a log nobody may be promoted from. */
  readonly member?: string;
  /** What machine the log is about. */
  readonly configuration: MachineConfiguration;
  /** Whether the writer waits for acknowledgements of this stream. */
  readonly acknowledged: boolean;
  /** A digest of all RAM is in the log at least every so many steps. */
  readonly ramDigestSteps: number;
  /** Byte of the console file at which console position 0 stands. */
  readonly consoleBase: number;
  /** Byte of the bill file at which the machine's offset 0 stands. */
  readonly billBase: number;
  /**
   * SHA-256 of each disk at power-on, 64 hex digits: what a replica disk must hold. Absent when nobody
   * with a disk of its own can join any more.
   */
  readonly diskDigests?: readonly string[];
}

/** Opens a key snapshot. It counts only from its commit. */
export interface SnapshotBeginRecord {
  /** Which record it is. */
  readonly kind: "snapshot-begin";
  /** The snapshot stands after the end of this epoch; 0 for power-on. */
  readonly epoch: number;
}

/** RAM pages (4 KiB each) of the snapshot being taken; pages never named are zero. */
export interface SnapshotPagesRecord {
  /** Which record it is. */
  readonly kind: "snapshot-pages";
  /**
   * `ram`: memory as it stands. `image`: memory as it stood at power-on, for a later reset. `both`: the
   * same in both.
   */
  readonly of: "ram" | "image" | "both";
  /** Page numbers counted from the start of RAM. */
  readonly pages: readonly number[];
  /** How `data` is packed; absent: not at all. */
  readonly packed?: "zstd";
  /** `pages.length` × 4096 bytes, or what they are packed to. */
  readonly data: Uint8Array;
}

/** An operation outstanding at the snapshot, with its payload. */
export interface SnapshotOperationRecord {
  /** Which record it is. */
  readonly kind: "snapshot-operation";
  /** The operation, as it was issued. */
  readonly operation: Operation;
}

/** Makes the snapshot count. */
export interface SnapshotCommitRecord {
  /** Which record it is. */
  readonly kind: "snapshot-commit";
  /** The snapshot stands after the end of this epoch; 0 for power-on. */
  readonly epoch: number;
  /** Steps since power-on. */
  readonly steps: number;
  /** Time base of the next epoch. */
  readonly time: TimeBase;
  /** Everything but RAM. */
  readonly state: MachineState;
  /** Digest of state and all RAM. */
  readonly digest: Digest;
}

/** Digests after an epoch's deliveries. */
export interface EpochDigest {
  /** Everything but RAM, plus the RAM pages written in this epoch. */
  readonly state: Digest;
  /** All of RAM; present at least every `ramDigestSteps` and at the end. */
  readonly ram?: Digest;
}

/** One epoch: what the machine could not compute by itself. */
export interface EpochRecord {
  /** Which record it is. */
  readonly kind: "epoch";
  /** 1, 2, 3, … without a gap. */
  readonly epoch: number;
  /** Exact length in steps; 0 for a waking. */
  readonly steps: number;
  /** Environment reads, in order. */
  readonly reads: readonly bigint[];
  /** Completions delivered at its end, in order, with their data. */
  readonly completions: readonly Completion[];
  /** Bytes typed, delivered at its end. */
  readonly consoleInput: Uint8Array;
  /** Console output below this position is performed. */
  readonly consolePerformed: number;
  /** Frames from the network, delivered at its end. */
  readonly frames: readonly Uint8Array[];
  /** Time base of the next epoch. */
  readonly time: TimeBase;
  /** What every replica must have after the deliveries. */
  readonly digest: EpochDigest;
  /** Present in the zero-step epoch of a promotion: the new term. */
  readonly term?: number;
}

/** Clean end of a stream. A stream that just stops has stalled. */
export interface EndRecord {
  /** Which record it is. */
  readonly kind: "end";
  /** The guest powered off; the machine was stopped; it goes on elsewhere; or its log in another file. */
  readonly reason: "power-off" | "detach" | "hand-over" | "continued";
  /** The guest's own exit code, with `power-off`. */
  readonly exitCode?: number;
}

/** For people: an event worth keeping that the machine does not see. */
export interface NoteRecord {
  /** Which record it is. */
  readonly kind: "note";
  /** What happened. */
  readonly text: string;
}

/** Says that the writer lives; on streams only, never kept in files. */
export interface HeartbeatRecord {
  /** Which record it is. */
  readonly kind: "heartbeat";
}

/** Any record of a log. */
export type LogRecord =
  | HeaderRecord
  | SnapshotBeginRecord
  | SnapshotPagesRecord
  | SnapshotOperationRecord
  | SnapshotCommitRecord
  | EpochRecord
  | EndRecord
  | NoteRecord
  | HeartbeatRecord;

/** What a reader sends back on a two-way stream. */
export type ReturnRecord =
  /** Record `record` (0 is the header) and all before it are whole, checked and in memory. */
  | { readonly kind: "acknowledge"; readonly record: number }
  /** Epoch `epoch` has been executed (lag). */
  | { readonly kind: "executed"; readonly epoch: number }
  /** The snapshot committed at `epoch` is in place and its digest verified. */
  | { readonly kind: "joined"; readonly epoch: number; readonly sharedDisk: boolean }
  /** The reader leaves, and why. */
  | { readonly kind: "leave"; readonly reason: string };
