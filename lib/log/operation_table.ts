/** Operations and completions in the log; the rows follow `lib/board/operation.ts`. */
import type {
  Completion,
  DmaBlock,
  Operation,
  OperationKind,
  OperationRequest,
  SectorRange,
} from "../board/operation.ts";
import { maximumDisks } from "../board/configuration.ts";
import { maximumEntropyBytes } from "../board/virtio_rng.ts";
import { list, record, tuple, union } from "./container_type.ts";
import { type Field, type FieldType, named, required, unlessEmpty } from "./field_type.ts";
import { bytes, choice, count } from "./scalar_type.ts";
import { maxCompletionBlocks, maxTransferBytes, maxUnmapRanges } from "./limits.ts";

const sectorBytes = 512;
const disk = count(0, maximumDisks - 1);
const transfer = bytes(1, maxTransferBytes);

/** A run of sectors, as an array. */
export const sectorRange: FieldType<SectorRange> = named(
  "sector-range",
  tuple([
    required("sector", count()),
    required("sectors", count(1)),
  ]),
);

/** The kinds of operation and their payloads. */
export const requestVariants: Readonly<Record<OperationKind, FieldType<OperationRequest>>> = {
  "disk-read": requestOf("disk-read", [
    required("disk", disk),
    required("sector", count()),
    required("sectors", count(1, maxTransferBytes / sectorBytes)),
  ]),
  "disk-write": requestOf("disk-write", [
    required("disk", disk),
    required("sector", count()),
    required("data", bytes(sectorBytes, maxTransferBytes, sectorBytes)),
  ]),
  "disk-flush": requestOf("disk-flush", [
    required("disk", disk),
  ]),
  "disk-unmap": requestOf("disk-unmap", [
    required("disk", disk),
    required("ranges", list(sectorRange, 0, maxUnmapRanges)),
  ]),
  "bill-append": requestOf("bill-append", [
    required("offset", count()),
    required("data", transfer),
  ]),
  "entropy": requestOf("entropy", [
    required("bytes", count(1, maximumEntropyBytes)),
  ]),
};

function requestOf(kind: OperationKind, fields: readonly Field[]): FieldType<OperationRequest> {
  return named(kind, record([required("kind", choice(kind)), ...fields]));
}

/** What an operation asks for. */
export const operationRequest: FieldType<OperationRequest> = named(
  "operation-request",
  union(requestVariants),
);

/** An operation with its number and payload. */
export const operation: FieldType<Operation> = named(
  "operation",
  record([
    required("number", count()),
    required("request", operationRequest),
  ]),
);

/** Device data for guest memory, as an array. */
export const dmaBlock: FieldType<DmaBlock> = named(
  "dma-block",
  tuple([
    required("address", count()),
    required("data", transfer),
  ]),
);

/** The answer to an operation, as an array: it stands in epoch records. */
export const completion: FieldType<Completion> = named(
  "completion",
  tuple([
    required("operation", count()),
    required("status", choice("done", "uncertain", "io-error", "no-space")),
    unlessEmpty("blocks", list(dmaBlock, 1, maxCompletionBlocks), []),
  ]),
);
