/** A log with a failover in it. */
import { recordsOf } from "../replay/log_editing.ts";
import { recordGuest } from "../replay/recording.ts";
import { copiedUntil, killedAfter, succeed } from "../replay/succession.ts";

/** The log of a backup that was promoted after `epoch`: before and behind it. */
export async function promotedLog(epoch: number): Promise<Uint8Array> {
  const disk = new Uint8Array(2048 * 512);
  const policy = { ramDigestSteps: 100_000 };
  const primary = await recordGuest("teller", {
    ...{ bootArguments: "burst transfers=40", disk, bills: true, policy, stopAfterEpochs: epoch },
  });
  const { sink, copy } = copiedUntil(primary.log, epoch);
  const { bills, console } = primary;
  await succeed(killedAfter(recordsOf(primary.log), epoch), {
    ...{ disk, bills, console, copy: copy.log, policy },
  });
  return sink.bytes;
}
