/** The rules that the model asks: the product's own, any of which a test can leave out. */
import {
  mayAdd,
  mayFreeLock,
  mayPerform,
  membersWaitedFor,
  promotionDecision,
  sawPrimaryAlive,
  startDecision,
} from "../../lib/replica/rules.ts";

/** Where the model leaves the decision to a rule. */
export interface RuleSet {
  readonly membersWaitedFor: typeof membersWaitedFor;
  readonly mayPerform: typeof mayPerform;
  readonly mayAdd: typeof mayAdd;
  readonly mayFreeLock: typeof mayFreeLock;
  readonly startDecision: typeof startDecision;
  readonly promotionDecision: typeof promotionDecision;
  readonly sawPrimaryAlive: typeof sawPrimaryAlive;
  /** Whether a backup asks for the lock before it is promoted (design section 6, "fence"). */
  readonly lock: boolean;
  /** Whether a run replaces the record by its own before its first operation (rule 6). */
  readonly replacesRecord: boolean;
}

/** All the rules of lib/replica/rules.ts. */
export const allRules: RuleSet = {
  membersWaitedFor,
  mayPerform,
  mayAdd,
  mayFreeLock,
  startDecision,
  promotionDecision,
  sawPrimaryAlive,
  lock: true,
  replacesRecord: true,
};
