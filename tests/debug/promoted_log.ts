/** A log with a failover in it. */
import { RecordDecoder } from "../../lib/log/record_decoder.ts";
import { LogCopy } from "../../lib/replica/log_copy.ts";
import { recordsOf } from "../replay/log_editing.ts";
import { MemorySink, recordGuest } from "../replay/recording.ts";
import { killedAfter, succeed } from "../replay/succession.ts";

/** The log of a backup that was promoted after `epoch`: before and behind it. */
export async function promotedLog(epoch: number): Promise<Uint8Array> {
  const disk = new Uint8Array(2048 * 512);
  const policy = { ramDigestSteps: 100_000 };
  const primary = await recordGuest("teller", {
    ...{ bootArguments: "burst transfers=40", disk, bills: true, policy, stopAfterEpochs: epoch },
  });
  const sink = new MemorySink();
  const copy = new LogCopy(sink.stream, (reason) => {
    throw new Error(reason);
  });
  for (const item of new RecordDecoder().push(primary.log)) {
    const { record } = item;
    if (record.kind === "end" || (record.kind === "epoch" && record.epoch > epoch)) break;
    copy.add(item);
  }
  const { bills, console } = primary;
  await succeed(killedAfter(recordsOf(primary.log), epoch), {
    ...{ disk, bills, console, copy: copy.log, policy },
  });
  return sink.bytes;
}
