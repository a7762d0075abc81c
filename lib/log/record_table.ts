/**
 * The records of a log as data: field, type, bounds, in the order of `lib/epoch/record.ts`.
 * `lockstep.cddl` says the same to other readers; a test compares the two.
 */
import { maximumDisks, maximumRamBytes } from "../board/configuration.ts";
import type { TimeBase } from "../board/environment.ts";
import { maximumEpochFrames, maximumFrameBytes, minimumFrameBytes } from "../board/ethernet.ts";
import type { EpochDigest, LogRecord, ReturnRecord } from "../epoch/record.ts";
import {
  diskConfiguration,
  machineConfiguration,
  networkConfiguration,
} from "./configuration_table.ts";
import { list, record, tuple, union } from "./container_type.ts";
import {
  type Field,
  type FieldType,
  named,
  optional,
  refined,
  required,
  unlessEmpty,
} from "./field_type.ts";
import { boolean, bytes, choice, count, identifier, sha256, text, word } from "./scalar_type.ts";
import {
  maxConsoleInputBytes,
  maxEpochCompletions,
  maxEpochReads,
  maxSnapshotPages,
  maxTextBytes,
  pageBytes,
} from "./limits.ts";
import { FieldError } from "./log_error.ts";
import {
  completion,
  dmaBlock,
  operation,
  operationRequest,
  requestVariants,
  sectorRange,
} from "./operation_table.ts";
import { plainData } from "./plain_data.ts";

/** The only version of the format so far. */
export const formatVersion = 1;

const timeBase: FieldType<TimeBase> = named(
  "time-base",
  tuple([
    required("base", count()), // ticks of 100 ns
    required("rate", count(1, 2 ** 24)), // ticks per 2^24 steps
  ]),
);

const epochDigest: FieldType<EpochDigest> = named(
  "epoch-digest",
  tuple([
    required("state", word),
    optional("ram", word),
  ]),
);

const networkFrame: FieldType<Uint8Array> = bytes(minimumFrameBytes, maximumFrameBytes);

const page: FieldType<number> = named("page", count(0, maximumRamBytes / pageBytes - 1));

/** The fields of each kind of log record, besides `kind`. */
export const recordFields: Readonly<Record<LogRecord["kind"], readonly Field[]>> = {
  "header": [
    required("version", count(formatVersion, formatVersion)),
    required("run", identifier),
    required("term", count(1)),
    optional("member", identifier),
    required("configuration", machineConfiguration),
    required("acknowledged", boolean),
    required("ramDigestSteps", count(1)),
    required("consoleBase", count()),
    required("billBase", count()),
    optional("diskDigests", list(sha256, 0, maximumDisks)),
  ],
  "snapshot-begin": [
    required("epoch", count()),
  ],
  "snapshot-pages": [
    required("of", choice("ram", "image", "both")),
    required("pages", list(page, 1, maxSnapshotPages)),
    optional("packed", choice("zstd")),
    required("data", bytes(1, maxSnapshotPages * pageBytes)),
  ],
  "snapshot-operation": [
    required("operation", operation),
  ],
  "snapshot-commit": [
    required("epoch", count()),
    required("steps", count()),
    required("time", timeBase),
    required("state", plainData),
    required("digest", word),
  ],
  "epoch": [
    required("epoch", count(1)),
    required("steps", count(0, 2 ** 28)),
    unlessEmpty("reads", list(word, 1, maxEpochReads), []),
    unlessEmpty("completions", list(completion, 1, maxEpochCompletions), []),
    unlessEmpty("consoleInput", bytes(1, maxConsoleInputBytes), new Uint8Array(0), "input"),
    required("consolePerformed", count(), "performed"),
    unlessEmpty("frames", list(networkFrame, 1, maximumEpochFrames), []),
    required("time", timeBase),
    required("digest", epochDigest),
    optional("term", count(2)),
  ],
  "end": [
    required("reason", choice("power-off", "detach", "hand-over", "continued")),
    optional("exitCode", count(0, 2 ** 32 - 1)),
  ],
  "note": [
    required("text", text(maxTextBytes)),
  ],
  "heartbeat": [],
};

/** The fields of each kind of record in the return direction, besides `kind`. */
export const returnFields: Readonly<Record<ReturnRecord["kind"], readonly Field[]>> = {
  "acknowledge": [
    required("record", count()),
  ],
  "executed": [
    required("epoch", count()),
  ],
  "joined": [
    required("epoch", count()),
    required("sharedDisk", boolean),
  ],
  "leave": [
    required("reason", text(maxTextBytes)),
  ],
};

type Rules<AnyRecord extends { readonly kind: string }> = {
  readonly [Kind in AnyRecord["kind"]]?: (
    record: Extract<AnyRecord, { readonly kind: Kind }>,
  ) => void;
};

/** What the fields of one record must be to each other; the CDDL says it in comments. */
const recordRules: Rules<LogRecord> = {
  "snapshot-pages"({ pages, packed, data }) {
    const bytes = pages.length * pageBytes;
    if (packed !== undefined && data.length >= bytes) {
      throw new FieldError(`has ${data.length} bytes, must be packed to less than ${bytes}`)
        .within("data");
    }
    if (packed === undefined && data.length !== bytes) {
      throw new FieldError(
        `has ${data.length} bytes, must have ${pageBytes} for each of ${pages.length} pages`,
      ).within("data");
    }
  },
  "end"({ reason, exitCode }) {
    if (exitCode !== undefined && reason !== "power-off") {
      throw new FieldError(`stands with reason ${reason}, must not`).within("exitCode");
    }
  },
};

function variantsOf<AnyRecord extends { readonly kind: string }>(
  kinds: Readonly<Record<AnyRecord["kind"], readonly Field[]>>,
  rules: Rules<AnyRecord>,
): Record<string, FieldType<AnyRecord>> {
  const variants: Record<string, FieldType<AnyRecord>> = {};
  for (const [kind, fields] of Object.entries<readonly Field[]>(kinds)) {
    const type = named(kind, record<AnyRecord>([required("kind", choice(kind)), ...fields]));
    const rule = rules[kind as AnyRecord["kind"]] as ((record: AnyRecord) => void) | undefined;
    variants[kind] = rule === undefined ? type : refined(type, rule);
  }
  return variants;
}

const logVariants = variantsOf<LogRecord>(recordFields, recordRules);
const returnVariants = variantsOf<ReturnRecord>(returnFields, {});

/** Any record of a log. */
export const logRecord: FieldType<LogRecord> = named("log-record", union(logVariants));

/** Any record of the return direction. */
export const returnRecord: FieldType<ReturnRecord> = named("return-record", union(returnVariants));

/** Every type that has a rule of its own in `lockstep.cddl`. */
export const schemaTypes: readonly { readonly cddl: string; readonly rule?: string }[] = [
  logRecord,
  ...Object.values(logVariants),
  machineConfiguration,
  diskConfiguration,
  networkConfiguration,
  timeBase,
  epochDigest,
  page,
  completion,
  dmaBlock,
  operation,
  operationRequest,
  ...Object.values(requestVariants),
  sectorRange,
  plainData,
  returnRecord,
  ...Object.values(returnVariants),
];
