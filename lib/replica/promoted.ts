/** From a backup that may be promoted to a live machine (paper rules promotion and uncertain). */
import type { EndRecord } from "../epoch/record.ts";
import type { DeviceBacks } from "../epoch/host.ts";
import type { BackupOutcome } from "./backup_terms.ts";
import { Home } from "./home.ts";
import { LiveMachine } from "./live.ts";
import type { LiveOptions } from "./live_options.ts";

/** A machine that has just been promoted, not running yet. */
export interface PromotedMachine {
  /** The hypervisor and all around it. */
  readonly live: LiveMachine;
  /** Absent when nothing arbitrates. */
  readonly home: Home | undefined;
  /** Runs it from its promotion epoch on. */
  run(): Promise<EndRecord>;
}

/**
 * Writes the new term durably, the last step of a promotion, and makes the live machine.
 *
 * @param outcome Of a {@linkcode Backup} that ended `promoted`.
 * @param backs The devices, opened while preparing.
 */
export async function promote(
  outcome: Extract<BackupOutcome, { kind: "promoted" }>,
  backs: DeviceBacks,
  options: Pick<LiveOptions, "clock" | "loop" | "policy" | "limits" | "note">,
): Promise<PromotedMachine> {
  const { takeover, claim } = outcome;
  const { header, replica, term } = takeover;
  const held = claim &&
    (claim.sharing === "replica" ? await claim.takeReplica(term) : await claim.promote());
  const home = held && claim?.fence ? Home.promoted(claim.fence, held) : undefined;
  const { machine } = replica;
  const live = new LiveMachine({
    ...options,
    machine,
    epoch: replica.epoch,
    time: replica.time,
    // The log goes on: it keeps the promise that its header makes.
    policy: { ...options.policy, ramDigestSteps: header.ramDigestSteps },
    stepsAtRamDigest: replica.stepsAtRamDigest,
    elapsedTicks: options.clock.monotonicTicks() - takeover.recordTicks,
    identity: { run: header.run, term },
    backs,
    ...(held ? { membership: held } : {}),
    outputs: { consoleBase: header.consoleBase, billBase: header.billBase },
  });
  const run = () =>
    live.run({
      term,
      uncertain: takeover.uncertain.map(({ number }) => ({
        operation: number,
        status: "uncertain",
        blocks: [],
      })),
      unknown: takeover.uncertain,
      again: takeover.again,
      console: machine.unperformedConsole(),
    });
  return { live, home, run };
}
