/** The protocol with a rule left out, each in one or more ways in which one could get it wrong. */
import type { MembershipRecord, PromotionView } from "../../lib/replica/rules.ts";
import { allRules, type RuleSet } from "./rule_set.ts";

/** Nobody asks for the lock. */
export const withoutLock: RuleSet = { ...allRules, lock: false };

/** A backup with the lock in hand is promoted whatever the record says. */
export const withoutRecordCheck: RuleSet = {
  ...allRules,
  promotionDecision: (view) =>
    allRules.promotionDecision(recordReads(view, {
      run: view.self.run,
      term: view.self.term,
      members: [{ id: view.self.memberId! }],
    })),
};

/** A backup checks run and term, but not that it is named itself. */
export const withoutMemberCheck: RuleSet = {
  ...allRules,
  promotionDecision: (view) =>
    allRules.promotionDecision(
      view.found.found === "record"
        ? recordReads(view, {
          ...view.found.record,
          members: [...view.found.record.members, { id: view.self.memberId! }],
        })
        : view,
    ),
};

function recordReads(view: PromotionView, record: MembershipRecord): PromotionView {
  return { ...view, found: { found: "record", record } };
}

/** A primary performs without the member whose acknowledgements stay away, and removes it some day. */
export const withoutRemoval: RuleSet = { ...allRules, mayPerform: () => true };

/** A primary counts a member as removed from the beginning of the write, or after a failed one. */
export const removalBeforeDurable: RuleSet = {
  ...allRules,
  membersWaitedFor: (knowledge) => (knowledge.unsure.at(-1) ?? knowledge.durable).members,
};

/** A member is added as soon as it has its snapshot, whatever was dispatched since. */
export const withoutAcknowledgedBacklog: RuleSet = {
  ...allRules,
  mayAdd: (candidate, joining, _dispatched, knowledge) =>
    allRules.mayAdd(candidate, joining, 0, knowledge),
};

/** A member is waited for only once the write that names it is known to be durable. */
export const additionAfterDurable: RuleSet = {
  ...allRules,
  membersWaitedFor: (knowledge) => knowledge.durable.members,
};

/** A backup is promoted with what it has executed when it gets the lock. */
export const withoutDrain: RuleSet = {
  ...allRules,
  promotionDecision: (view) =>
    allRules.promotionDecision({ ...view, drained: true, execution: "verified" }),
};

/** A run of somebody else starts although the record names members, and writes its own. */
export const withoutRefusal: RuleSet = {
  ...allRules,
  startDecision: () => ({ decision: "start" }),
};

/** A run of somebody else neither reads the record nor replaces it. */
export const withoutForeignRecord: RuleSet = { ...withoutRefusal, replacesRecord: false };

/** A run with `--new-run` leaves the record that it found. */
export const withoutReplacing: RuleSet = { ...allRules, replacesRecord: false };

/** A clean end leaves the members in the record. */
export const withoutEmptyingAtEnd: RuleSet = {
  ...allRules,
  mayFreeLock: (_, { writing }) => !writing,
};

/** A backup that has records left to execute when it gets the lock is refused. */
export const withoutPatience: RuleSet = {
  ...allRules,
  promotionDecision: (view) => {
    const decision = allRules.promotionDecision(view);
    return decision.decision === "prepare"
      ? { decision: "refuse", reason: "It is not ready" }
      : decision;
  },
};

/** A reader of an old file is promoted without ever having found the lock busy. */
export const withoutSeeingPrimary: RuleSet = { ...allRules, sawPrimaryAlive: () => true };

/** A reader of an old file takes any busy lock for its primary's. */
export const anyBusyLockCounts: RuleSet = {
  ...allRules,
  sawPrimaryAlive: ({ foundLockBusy }) => foundLockBusy,
};
