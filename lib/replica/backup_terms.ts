/** What a backup is given, and what becomes of it. */
import type { Operation } from "../board/operation.ts";
import type { HostClock, HostLoop } from "../epoch/host.ts";
import type { EndRecord, HeaderRecord } from "../epoch/record.ts";
import type { Replica } from "../epoch/replica.ts";
import type { LogItem } from "../log/record_decoder.ts";
import type { Claim } from "./claim.ts";
import type { ByteStream } from "./transport.ts";

/**
 * What a stall leads to when no shared disk decides: `ask` and `wait` wait for the operator, `promote`
 * is the operator's statement of the fail-stop assumption, `exit` leaves.
 */
export type OnStall = "ask" | "promote" | "wait" | "exit";

/** What a backup is given. */
export interface BackupOptions {
  /** The primary's log. */
  readonly stream: ByteStream;
  /** Disk images, in the order of the machine's configuration. */
  readonly disks: readonly string[];
  /** The file to lock when there is no disk. */
  readonly arbiter?: string;
  /** What a stall leads to where no shared disk decides. */
  readonly onStall: OnStall;
  /** Silence that counts as a stall, ticks. */
  readonly silenceTicks: number;
  /** The host's clocks. */
  readonly clock: HostClock;
  /** The host's event loop. */
  readonly loop: HostLoop;
  /** Takes one line for a person whenever something happens. */
  readonly note: (text: string) => void;
  /**
   * Told of every record, once it is executed; for a log copy and for status lines. What is behind the
   * record waits for the promise, if there is one.
   */
  readonly record?: (item: LogItem) => Promise<void> | undefined | void;
  /** Opens everything that the live machine will need; called with the lock in hand. */
  readonly prepare: (takeover: Takeover) => Promise<void>;
}

/** Done while the replica stands at an epoch's end, which it does until the promise is fulfilled. */
export type EpochEndVisit = (replica: Replica, header: HeaderRecord) => Promise<void>;

/** What a promoted machine starts from. */
export interface Takeover {
  /** The old stream's header. */
  readonly header: HeaderRecord;
  /** The replica, everything executed and verified. */
  readonly replica: Replica;
  /** Operations whose fate is unknown and that a repeat cannot harm: performed again. */
  readonly again: readonly Operation[];
  /** Operations whose fate is unknown: answered with an uncertain interrupt. */
  readonly uncertain: readonly Operation[];
  /** The term of the new primary. */
  readonly term: number;
  /** When the last record came, in ticks of the host's clock. */
  readonly recordTicks: number;
}

/** How following ended. */
export type BackupOutcome =
  | { readonly kind: "ended"; readonly end: EndRecord }
  | { readonly kind: "promoted"; readonly takeover: Takeover; readonly claim: Claim | undefined }
  | { readonly kind: "left-behind"; readonly reason: string }
  | { readonly kind: "stalled"; readonly reason: string };

/** A backup cannot follow this stream with these disks. */
export class BackupError extends Error {
  /** Tells this error from others. */
  override readonly name = "BackupError";
}
