/** Who has pulled a trigger, for people, when it was not an instruction at the trigger's own address. */
import type { OperationRequest } from "../board/operation.ts";
import type { TriggerHit } from "../cpu/triggers.ts";
import type { EpochRecord } from "../epoch/record.ts";
import type { Timeline } from "./timeline.ts";

/** Epochs without a step that are looked at. */
const MOST_EPOCHS = 64;

/** A line; undefined when gdb says all there is to say. */
export async function hitText(timeline: Timeline, hit: TriggerHit): Promise<string | undefined> {
  const { by, byAddress, accessed, step } = hit;
  const place = `0x${accessed.toString(16)}`;
  switch (by) {
    case "hart":
      return byAddress
        ? undefined
        : `Accessed under another address, ${place}, by the instruction of step ${step}\n`;
    case "walker":
      return `Written at ${place} by the page-table walker (accessed and dirty bits), in step ${step}\n`;
    case "device":
      return `Written at ${place} by ${await writerOf(timeline, hit)}\n`;
  }
}

/** What an epoch has delivered there; otherwise it was in the course of an instruction. */
async function writerOf(timeline: Timeline, { accessed, step }: TriggerHit): Promise<string> {
  const { epoch } = timeline.momentAt(Math.max(step, timeline.start.step))!;
  const last = Math.min(epoch + MOST_EPOCHS, timeline.end.epoch);
  for await (const record of timeline.epochs(epoch + 1, last)) {
    const end = timeline.epochEnd(record.epoch)!.step;
    if (end > step + 1) break;
    if (end <= step) continue;
    const operation = operationAt(record, Number(accessed));
    if (operation === undefined) {
      const delivered = deliveredText(record);
      if (delivered === "") continue;
      return `a device, with what came at the end of epoch ${record.epoch}: ${delivered}`;
    }
    const request = timeline.machine.outstanding.get(operation)?.request;
    const what = request ? ` (${requestText(request)})` : "";
    return `a device (DMA): operation ${operation}${what}, delivered at the end of epoch ${record.epoch}`;
  }
  return `a device or the firmware, in step ${step}`;
}

/** Whatever makes a device write: beside data there are the rings in which it answers. */
function deliveredText({ completions, frames, consoleInput }: EpochRecord): string {
  return [
    ...completions.map(({ operation }) => `operation ${operation}`),
    ...frames.length === 0 ? [] : [`${frames.length} network frames`],
    ...consoleInput.length === 0 ? [] : ["console input"],
  ].join(", ");
}

function operationAt({ completions }: EpochRecord, place: number): number | undefined {
  return completions.find(({ blocks }) =>
    blocks.some(({ address, data }) => address <= place && place < address + data.length)
  )?.operation;
}

function requestText(request: OperationRequest): string {
  switch (request.kind) {
    case "disk-read":
      return `disk ${request.disk}, ${request.sectors} sectors from ${request.sector}`;
    case "entropy":
      return `${request.bytes} random bytes`;
    default:
      return request.kind;
  }
}
