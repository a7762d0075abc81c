/** What every stream of a live machine begins with: a header, then a key snapshot of this moment. */
import type { MachineConfiguration } from "../board/configuration.ts";
import type { HeaderRecord } from "../epoch/record.ts";
import { formatVersion } from "../log/record_table.ts";
import type { SnapshotRecords } from "../log/snapshot_records.ts";
import type { RunIdentity } from "./identity.ts";

/** What headers say about the devices outside. */
export type HeaderOutputs = Pick<HeaderRecord, "consoleBase" | "billBase" | "diskDigests">;

/** What a header is made of. */
export interface StreamStart {
  /** Run and term. */
  readonly identity: RunIdentity;
  /** This attachment; undefined for a log that nobody is promoted from. */
  readonly member: string | undefined;
  /** What machine it is. */
  readonly configuration: MachineConfiguration;
  /** Whether acknowledgements are waited for. */
  readonly acknowledged: boolean;
  /** A digest of all RAM comes at least every so many steps. */
  readonly ramDigestSteps: number;
  /** The devices outside. */
  readonly outputs: HeaderOutputs;
  /** The last finished epoch. */
  readonly epoch: number;
}

/** Header and snapshot as records. */
export function* streamStart(start: StreamStart, snapshot: SnapshotRecords): SnapshotRecords {
  const { identity, member, configuration, acknowledged, ramDigestSteps, outputs, epoch } = start;
  yield {
    kind: "header",
    version: formatVersion,
    run: identity.run,
    term: identity.term,
    ...(member === undefined ? {} : { member }),
    configuration,
    acknowledged,
    ramDigestSteps,
    consoleBase: outputs.consoleBase,
    billBase: outputs.billBase,
    // Later the disks have changed: a copy made at power-on can only join then.
    ...(outputs.diskDigests && epoch === 0 ? { diskDigests: outputs.diskDigests } : {}),
  };
  yield* snapshot;
}
