/**
 * A restart of the host: every process is gone, and a log file may lack records that the kernel had taken
 * and not written yet. A backup is started again on one such file; the record still names it (rule 7).
 */
import { possibleRecords } from "./disk.ts";
import type { Move } from "./explorer.ts";
import { nameOf } from "./primary_moves.ts";
import { recordsOf, slots, spent, upTo, withMachine, type World } from "./world.ts";

/** Every way in which the host can restart. */
export function restartMoves(world: World): Move<World>[] {
  if (world.left.restarts === 0) return [];
  const moves: Move<World>[] = [];
  for (const record of possibleRecords(world)) {
    const empty: World = {
      ...spent(world, "restarts"),
      record,
      lock: -1,
      machines: [{ role: "off" }, { role: "off" }, { role: "off" }],
      foreign: { ...world.foreign, stage: world.foreign.stage === "idle" ? "idle" : "gone" },
    };
    for (const slot of slots) {
      const machine = world.machines[slot];
      if (machine.role !== "follower" || !machine.snapshot) continue;
      for (let kept = 0; kept <= recordsOf(machine.log); kept++) {
        moves.push({
          label: `The host restarts; ${
            nameOf(slot)
          } reads its log file again, up to record ${kept}`,
          next: withMachine(empty, slot, {
            ...machine,
            open: false,
            log: upTo(machine.log, kept),
            executed: 0,
            foundLockBusy: false,
            rereads: true,
            stage: "following",
          }),
        });
      }
    }
  }
  return moves;
}
