/** Readies a machine for being executed step by step. */
import type { Machine } from "../board/machine.ts";
import type { Trigger } from "../cpu/triggers.ts";

/** Instructions begin at even addresses: nothing is ever executed here. */
const NOWHERE: Trigger = { kind: "execute", address: 1n, length: 1 };

/**
 * Makes single steps of a machine quick, until it is armed with something else: where a trigger is armed nothing
 * is translated, and of translated code a single step costs more than of interpreted code.
 */
export function readyForSingleSteps(machine: Machine): void {
  machine.arm([NOWHERE], () => false);
}
