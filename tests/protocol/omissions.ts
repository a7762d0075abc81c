/** Each rule that a test leaves out: in which ways, within which bounds, and what then breaks. */
import * as leftOut from "./left_out.ts";
import type { Start } from "./model.ts";
import type { RuleSet } from "./rule_set.ts";
import type { Bounds } from "./world.ts";

/** One rule left out. */
export interface Omission {
  readonly rule: string;
  readonly start: Start;
  readonly bounds: Partial<Bounds>;
  /** What must be found broken: an invariant of the design, or that the entitled get promoted. */
  readonly breaks: "invariant 4" | "invariant 5" | "invariant 6" | "liveness";
  /** One or more ways of leaving the rule out. */
  readonly ways: Readonly<Record<string, RuleSet>>;
}

/** The six of the issue, then others that the design names. */
export const omissions: readonly Omission[] = [
  {
    rule: "the lock",
    start: "protected",
    bounds: { records: 2, cuts: 1 },
    breaks: "invariant 5",
    ways: { "a backup that stalls does not ask for the lock": leftOut.withoutLock },
  },
  {
    rule: "the member check",
    start: "protected",
    bounds: { records: 2, kills: 1, cuts: 1 },
    breaks: "invariant 6",
    ways: {
      "the record is not looked at": leftOut.withoutRecordCheck,
      "only run and term are compared": leftOut.withoutMemberCheck,
    },
  },
  {
    rule: "removal before performing",
    start: "protected",
    bounds: { records: 2, kills: 1, cuts: 1, failedWrites: 1 },
    breaks: "invariant 4",
    ways: {
      "a member that stays silent is not waited for": leftOut.withoutRemoval,
      "the removal counts before it is durable": leftOut.removalBeforeDurable,
    },
  },
  {
    rule: "the adding rule",
    start: "alone",
    bounds: { records: 2, kills: 1, joins: 2, failedWrites: 1 },
    breaks: "invariant 4",
    ways: {
      "what was dispatched while it joined need not be acknowledged":
        leftOut.withoutAcknowledgedBacklog,
      "a member is not waited for while the write that adds it is under way":
        leftOut.additionAfterDurable,
    },
  },
  {
    rule: "the drain before promotion",
    start: "protected",
    bounds: { records: 2, kills: 1 },
    breaks: "invariant 6",
    ways: { "it goes on from what it has executed when it gets the lock": leftOut.withoutDrain },
  },
  {
    rule: "the refusal of foreign runs",
    start: "protected",
    bounds: { records: 2, kills: 1, foreignRuns: 1 },
    breaks: "invariant 6",
    ways: {
      "a run starts although members of another are named": leftOut.withoutRefusal,
      "a run neither reads nor replaces the record": leftOut.withoutForeignRecord,
    },
  },
  {
    rule: "the foreign run's own record before its first operation",
    start: "protected",
    bounds: { records: 2, kills: 1, foreignRuns: 1 },
    breaks: "invariant 5",
    ways: { "--new-run leaves the record as it was": leftOut.withoutReplacing },
  },
  {
    rule: "the emptying of the record at a clean end",
    start: "protected",
    bounds: { records: 2, cleanEnds: 1 },
    breaks: "invariant 5",
    ways: { "members stay named": leftOut.withoutEmptyingAtEnd },
  },
  {
    rule: "patience with a backup that lags",
    start: "protected",
    bounds: { records: 2, kills: 1 },
    breaks: "liveness",
    ways: { "a backup must have executed everything before it asks": leftOut.withoutPatience },
  },
  {
    rule: "the proof that a file's primary was alive",
    start: "protected",
    bounds: { records: 2, foreignRuns: 1, restarts: 1 },
    breaks: "invariant 6",
    ways: {
      "the lock need never have been found held": leftOut.withoutSeeingPrimary,
      "any busy lock counts, also a foreign run's": leftOut.anyBusyLockCounts,
    },
  },
];
