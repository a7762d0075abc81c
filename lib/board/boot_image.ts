// Signatures only, the implementation follows.
import type { MachineConfiguration } from "./configuration.ts";
import type { BootState } from "./machine_state.ts";
/** A piece of the image. */
export interface Segment { readonly address: number; readonly data: Uint8Array }
export declare class BootImage {
  /** Where segments and the device tree go, and how the hart enters. */
  readonly segments: readonly Segment[];
  readonly boot: BootState;
  /** Recognises ELF, everything else is raw at 0x8000_0000. @throws {ImageError} */
  static load(file: Uint8Array, configuration: MachineConfiguration): BootImage;
  /** From the pages of a snapshot ("image" pages). @throws {ImageError} */
  static fromPages(pages: Iterable<readonly [number, Uint8Array]>, boot: BootState, configuration: MachineConfiguration): BootImage;
  /** Non-zero pages, ascending: [page number from the start of RAM, 4096 bytes]. */
  pages(): Generator<[number, Uint8Array]>;
}
