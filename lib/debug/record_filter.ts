/** Chooses records of a log by what they are about. */
import type { OperationRequest } from "../board/operation.ts";
import type { LogRecord } from "../epoch/record.ts";
import type { Span, WalkedItem } from "./log_walk.ts";

/** The kinds by which records are chosen: those of the format, and the epochs of promotions. */
export const filterKinds = [
  "header",
  "snapshot-begin",
  "snapshot-pages",
  "snapshot-operation",
  "snapshot-commit",
  "epoch",
  "promotion",
  "end",
  "note",
  "heartbeat",
] as const satisfies readonly (LogRecord["kind"] | "promotion")[];

/** A kind by which records are chosen. */
export type FilterKind = (typeof filterKinds)[number];

/** Devices by which records are chosen. */
export const filterDevices = ["disk", "bills", "entropy", "console", "network", "clock"] as const;

/** A device by which records are chosen. */
export type FilterDevice = (typeof filterDevices)[number];

/** What records must be about; what is absent does not matter. */
export interface RecordFilter {
  /** One of these kinds. */
  readonly kinds?: readonly FilterKind[];
  /** One of these devices takes part. */
  readonly devices?: readonly FilterDevice[];
  /** Epochs. */
  readonly epochs?: Span;
  /** Steps since power-on. */
  readonly steps?: Span;
  /** Guest time, ticks of 100 ns. */
  readonly ticks?: Span;
}

const deviceOf: Readonly<Record<OperationRequest["kind"], FilterDevice>> = {
  "disk-read": "disk",
  "disk-write": "disk",
  "disk-flush": "disk",
  "disk-unmap": "disk",
  "bill-append": "bills",
  "entropy": "entropy",
};

/** Whether only a replay tells which devices take part: the log has operations by number. */
export function needsReplay({ devices }: RecordFilter): boolean {
  const byOperation = new Set<FilterDevice>(Object.values(deviceOf));
  return devices?.some((device) => byOperation.has(device)) ?? false;
}

/** Whether a record is one of those wanted. */
export function isWanted(filter: RecordFilter, item: WalkedItem): boolean {
  const { kinds, devices, epochs, steps, ticks } = filter;
  const { record, place } = item;
  if (
    kinds && !kinds.includes(record.kind) && !(isPromotion(record) && kinds.includes("promotion"))
  ) {
    return false;
  }
  if (devices && !devicesIn(item).some((device) => devices.includes(device))) return false;
  if (!epochs && !steps && !ticks) return true;
  if (!place) return false;
  return meets(epochs, { from: place.epoch, to: place.epoch }) && meets(steps, place.steps) &&
    meets(ticks, place.ticks);
}

/** Whether a record begins a new term. */
export function isPromotion(record: LogRecord): boolean {
  return record.kind === "epoch" && record.term !== undefined;
}

function devicesIn({ record, operations }: WalkedItem): readonly FilterDevice[] {
  if (record.kind === "snapshot-operation") return [deviceOf[record.operation.request.kind]];
  if (record.kind !== "epoch") return [];
  return [
    ...(operations?.completed ?? []).map(({ operation }) => deviceOf[operation.request.kind]),
    ...(operations?.issued ?? []).map(({ request }) => deviceOf[request.kind]),
    ...(record.consoleInput.length > 0 ? ["console" as const] : []),
    ...(record.frames.length > 0 ? ["network" as const] : []),
    ...(record.reads.length > 0 ? ["clock" as const] : []),
  ];
}

/** Whether two spans have something in common; of an absent one everything is wanted. */
function meets(wanted: Span | undefined, span: Span): boolean {
  return wanted === undefined || (span.from <= wanted.to && span.to >= wanted.from);
}
