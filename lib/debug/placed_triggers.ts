/**
 * Triggers with the places in RAM that their addresses name where a motion begins: what a person watches is
 * memory, and others than instructions at that address write to it as well.
 */
import type { Machine } from "../board/machine.ts";
import { areAlike, type MemoryRange, type Trigger, type TriggerHit } from "../cpu/triggers.ts";
import { type Addressing, physicalAddress, presentAddressing } from "./guest_memory_view.ts";

const PAGE_BYTES = 4096;

/** Placed triggers. */
export class PlacedTriggers {
  /** The same triggers, in the same order, with their places. */
  readonly placed: readonly Trigger[];
  /** Equal for triggers that wait for the same. */
  readonly key: string;
  /** By it addresses have been translated. */
  readonly #addressing: Addressing;

  /** Places triggers by the page tables that are in force in a machine. */
  constructor(readonly triggers: readonly Trigger[], machine: Machine) {
    this.#addressing = presentAddressing(machine);
    this.placed = triggers.map((trigger) =>
      trigger.kind === "execute"
        ? trigger
        : { ...trigger, memory: placesOf(trigger, machine, this.#addressing) }
    );
    this.key = this.placed.map(keyOf).join();
  }

  /** The trigger as it was before it was placed. */
  originalOf({ trigger }: TriggerHit): Trigger {
    // What is armed may have been placed by another motion.
    return this.triggers.find((one) => areAlike(one, trigger))!;
  }

  /** Whether the address of a trigger still names the same memory. */
  isInPlace({ trigger }: TriggerHit, machine: Machine): boolean {
    const now = { ...trigger, memory: placesOf(trigger, machine, this.#addressing) };
    return keyOf(now) === keyOf(trigger);
  }
}

function keyOf({ kind, address, length, memory = [] }: Trigger): string {
  const places = memory.map((range) => `${range.address}+${range.length}`);
  return [kind, address, length, ...places].join(" ");
}

function placesOf(
  { address, length }: Trigger,
  machine: Machine,
  addressing: Addressing,
): readonly MemoryRange[] {
  const places: MemoryRange[] = [];
  for (let done = 0; done < length;) {
    const at = address + BigInt(done);
    const count = Math.min(length - done, PAGE_BYTES - Number(at % BigInt(PAGE_BYTES)));
    const physical = physicalAddress(machine, at, addressing);
    if (physical !== undefined && machine.memory.contains(physical, count)) {
      places.push({ address: physical, length: count });
    }
    done += count;
  }
  return places;
}
