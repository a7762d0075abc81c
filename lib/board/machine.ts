// Signatures only, the implementation follows.
import type { Environment, Inputs, TimeBase } from "./environment.ts";
import type { DmaBlock, Operation } from "./operation.ts";
import type { MachineConfiguration } from "./configuration.ts";
import type { MachineState } from "./machine_state.ts";
import type { BootImage } from "./boot_image.ts";
import type { GuestMemory } from "../cpu/memory.ts";
export type { DiskConfiguration, MachineConfiguration } from "./configuration.ts";
export type { MachineState } from "./machine_state.ts";
export type PowerState =
  | { readonly kind: "on" }
  | { readonly kind: "off"; readonly exitCode: number }
  | { readonly kind: "reset" };
/** What a machine is put together from again; a snapshot brings all of it. */
export interface MachineParts {
  readonly configuration: MachineConfiguration;
  readonly image: BootImage;
  readonly state: unknown;
  /** Outstanding operations, ascending, with their payload. */
  readonly operations: readonly Operation[];
  /** A fresh memory of `configuration.ramBytes` into which the caller has written RAM (memory.write). The machine owns it from now on. */
  readonly memory: GuestMemory;
}
export declare class Machine {
  static powerOn(configuration: MachineConfiguration, image: BootImage): Machine;
  /** @throws {StateError} */
  static restore(parts: MachineParts): Machine;
  readonly configuration: MachineConfiguration;
  readonly image: BootImage;
  readonly memory: GuestMemory;
  environment: Environment;
  startEpoch(time: TimeBase): void;
  run(steps: number): number;
  /** Steps since power-on. */
  readonly steps: number;
  /** Guest time now, ticks. */
  readonly time: number;
  /** Steps from now until a timer comparator (CLINT or RTC alarm) fires in this epoch's time; Infinity when never. */
  readonly stepsToTimer: number;
  /** Ticks at which the next timer fires; Infinity when never. For idling. */
  readonly timerDueTicks: number;
  /** Operations issued since the last call. deliver() may issue some as well (continuations). */
  takeIssued(): Operation[];
  readonly outstanding: ReadonlyMap<number, Operation>;
  dmaBlocks(operation: number, data: Uint8Array): DmaBlock[];
  takeConsoleOutput(): Uint8Array;
  readonly consolePosition: number;
  readonly consolePerformed: number;
  unperformedConsole(): Uint8Array;
  /** How many bytes of console input deliver() takes now; at most 4096. */
  readonly consoleInputRoom: number;
  /** @throws {DeliveryError} */
  deliver(inputs: Inputs): void;
  /** WFI, or halted until outstanding operations settle (power-off, reset, device reset). run() returns 0. */
  readonly waiting: boolean;
  readonly power: PowerState;
  reset(): void;
  digest(): bigint;
  ramDigest(): bigint;
  /** Digest of everything: state and all RAM, whatever was written when. For snapshots. */
  snapshotDigest(): bigint;
  save(): MachineState;
}
