/** What a live machine is made of, what it starts with when it was a backup, and its figures. */
import type { TimeBase } from "../board/environment.ts";
import type { Machine } from "../board/machine.ts";
import type { Operation } from "../board/operation.ts";
import type { DeviceBacks, HostClock, HostLoop } from "../epoch/host.ts";
import type { Promotion } from "../epoch/hypervisor.ts";
import type { EpochPolicy } from "../epoch/policy.ts";
import type { RunIdentity } from "./identity.ts";
import type { MembershipStore, RosterLimits } from "./roster.ts";
import type { MembershipRecord } from "./rules.ts";
import type { HeaderOutputs } from "./stream_start.ts";

/** What a live machine is made of. */
export interface LiveOptions {
  /** The machine, at the end of `epoch`. */
  readonly machine: Machine;
  /** The last finished epoch, 0 at power-on. */
  readonly epoch: number;
  /** Time base of the next epoch. */
  readonly time: TimeBase;
  /** Ticks since that time base came into force: at a promotion, since its record. */
  readonly elapsedTicks?: number;
  /** Steps since power-on at the log's last digest of all RAM: at a promotion. */
  readonly stepsAtRamDigest?: number;
  /** Run and term. */
  readonly identity: RunIdentity;
  /** The devices outside. */
  readonly backs: DeviceBacks;
  /** The membership record, when something arbitrates. */
  readonly membership?: { readonly file: MembershipStore; readonly record: MembershipRecord };
  /** The host's clocks. */
  readonly clock: HostClock;
  /** The host's event loop. */
  readonly loop: HostLoop;
  /** How long epochs are. */
  readonly policy: EpochPolicy;
  /** How long members are waited for. */
  readonly limits: RosterLimits;
  /** Takes one line for a person whenever something happens. */
  readonly note: (text: string) => void;
  /** What headers say about the devices outside. */
  readonly outputs: HeaderOutputs;
  /** A key snapshot goes into log files at least every so many steps; absent: none but the first. */
  readonly snapshotEverySteps?: number;
  /** Where several snapshots are to come a thread of their own packs and digests them. */
  readonly snapshotThread?: boolean;
}

/** What a promoted machine starts with. */
export interface LivePromotion extends Promotion {
  /** The operations that {@linkcode Promotion.uncertain} answers. */
  readonly unknown: readonly Operation[];
  /** Outstanding operations that are not uncertain: they are performed again. */
  readonly again: readonly Operation[];
  /** Console output not known to be performed: it is written again. */
  readonly console: Uint8Array;
}

/** Figures that a status line or the demo shows. */
export interface LiveFigures {
  /** The last finished epoch. */
  readonly epoch: number;
  /** Guest time in ticks of 100 ns. */
  readonly guestTicks: number;
  /** Log bytes handed to streams and files. */
  readonly logBytes: number;
  /** Pause of the guest for the last snapshot, ticks. */
  readonly snapshotPauseTicks: number;
  /** Epochs that the slowest member is behind, as far as members tell. */
  readonly lagEpochs: number;
}
