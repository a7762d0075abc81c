import type { GuestMemory } from "../cpu/memory.ts";
import type { BootImage } from "./boot_image.ts";
import type { MachineConfiguration } from "./configuration.ts";

/** What a machine is put together from again; a snapshot brings all of it. */
export interface MachineParts {
  /** What the machine consists of; checked. */
  readonly configuration: MachineConfiguration;
  /** What it starts from at a reset. */
  readonly image: BootImage;
  /** A `MachineState`, untrusted. */
  readonly state: unknown;
  /** The outstanding operations with their payload, ascending; untrusted. */
  readonly operations: readonly unknown[];
  /**
   * A memory of `configuration.ramBytes` into which RAM has been written. The machine owns it from now
   * on.
   */
  readonly memory: GuestMemory;
}
