/** What a `run` of somebody else does to the disk: take the lock, read the record, perform, end. */
import { foreignRecord } from "./disk.ts";
import { entitled } from "./entitled.ts";
import type { Move } from "./explorer.ts";
import { lockFreed } from "./primary_moves.ts";
import type { RuleSet } from "./rule_set.ts";
import { type Foreign, foreignHolder, slots, spent, type World } from "./world.ts";

/** Every move of the foreign run. */
export function foreignMoves(world: World, rules: RuleSet): Move<World>[] {
  const { foreign } = world;
  const become = (stage: Foreign["stage"], from = world): World => ({
    ...from,
    foreign: { ...foreign, stage },
  });
  switch (foreign.stage) {
    case "idle":
      if (world.lock !== -1 || world.left.foreignRuns === 0) return [];
      return [start(world, false, rules), start(world, true, rules)];
    case "refused":
      return [{ label: "The foreign run frees the lock", next: { ...become("idle"), lock: -1 } }];
    case "writing":
      return [
        {
          label: "The foreign run's record is durable",
          next: become("running", { ...world, record: foreignRecord }),
        },
        ...killMoves(world, become),
      ];
    case "running":
      return [
        {
          label: "The foreign run performs an operation",
          next: {
            ...become("running"),
            foreignPerformed: true,
            ...(foreign.robs
              ? {
                broken:
                  "invariant 6: a foreign run takes the disk of a machine that should be promoted",
              }
              : {}),
          },
        },
        {
          label: "The foreign run ends and frees the lock",
          next: { ...become("gone"), lock: -1 },
        },
      ];
    case "dying":
      return lockFreed(become("gone"), "The foreign run is dead:", [foreignRecord]);
    case "gone":
      return [];
  }
}

function start(world: World, newRun: boolean, rules: RuleSet): Move<World> {
  const next = { ...spent(world, "foreignRuns"), lock: foreignHolder };
  const name = `A foreign run${newRun ? " with --new-run" : ""}`;
  const decision = rules.startDecision(
    { found: "record", record: world.record },
    foreignRecord.run,
    newRun,
  );
  if (decision.decision === "refuse") {
    return {
      label: `${name} gets the lock and is refused: ${decision.reason}`,
      next: { ...next, foreign: { ...world.foreign, stage: "refused" } },
    };
  }
  const robs = !newRun && slots.some((slot) => entitled(world, slot));
  return {
    label: `${name} gets the lock and starts`,
    next: {
      ...next,
      foreign: { stage: rules.replacesRecord ? "writing" : "running", newRun, robs },
    },
  };
}

function killMoves(
  world: World,
  become: (stage: Foreign["stage"], from?: World) => World,
): Move<World>[] {
  if (world.left.kills === 0) return [];
  return [{ label: "The foreign run is killed", next: become("dying", spent(world, "kills")) }];
}
