/** What may stand on the disk while a membership write is under way, or after one has failed. */
import { firstRecord, type MembershipRecord, promotedRecord } from "../../lib/replica/rules.ts";
import type { World } from "./world.ts";

/** The record that a foreign run puts in place of the one it found. */
export const foreignRecord = firstRecord("2");

/** The last durable record, and every record begun since whose outcome is not known. */
export function possibleRecords(world: World): readonly MembershipRecord[] {
  const possible = [world.record];
  for (const machine of world.machines) {
    if (machine.role === "primary") possible.push(...machine.knowledge.unsure);
    if (machine.role === "dying") possible.push(...machine.unsure);
    if (machine.role === "follower" && machine.stage === "writing") {
      possible.push(promotedRecord(world.record));
    }
  }
  if (world.foreign.stage === "writing" || world.foreign.stage === "dying") {
    possible.push(foreignRecord);
  }
  return possible;
}
