/** The end of an epoch, the same on every replica: deliver, digest, and reset if the guest asked. */
import type { Inputs } from "../board/environment.ts";
import type { Machine } from "../board/machine.ts";
import type { EpochDigest } from "./record.ts";

/**
 * Delivers an epoch's inputs and digests the state (paper rules end-of-epoch and backup-end).
 *
 * @param wantRam Whether to digest all of RAM; it is always digested when the machine powers off.
 * @throws DeliveryError When the inputs do not fit the machine.
 */
export function endEpoch(machine: Machine, inputs: Inputs, wantRam: boolean): EpochDigest {
  machine.deliver(inputs);
  const state = machine.digest();
  const ram = wantRam || machine.power.kind === "off";
  const digest = ram ? { state, ram: machine.ramDigest() } : { state };
  if (machine.power.kind === "reset") machine.reset();
  return digest;
}

/** The same where nobody gets the epoch's record: digests are for replicas. */
export function endEpochUnrecorded(machine: Machine, inputs: Inputs): void {
  machine.deliver(inputs);
  if (machine.power.kind === "reset") machine.reset();
}
