/** Who should be promoted: the liveness half of the model. */
import type { Slot, World } from "./world.ts";

/**
 * Whether the machine in a slot is alive, the lock is free, and the record on the disk names it. A member
 * that has joined has found the lock held (rule 8); a reader restarted with its host has not.
 */
export function entitled(world: World, slot: Slot): boolean {
  const machine = world.machines[slot];
  return machine.role === "follower" &&
    machine.stage === "following" &&
    !machine.rereads &&
    world.lock === -1 &&
    world.record.run === "1" &&
    world.record.term === machine.term &&
    world.record.members.some(({ id }) => id === machine.member);
}
