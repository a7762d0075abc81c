/** What the code of a region is for: kept only while somebody wants to read translations. */
import { type Code, type Local, note } from "../../wasm/code.ts";
import type { Placed } from "../record.ts";
import type { Region } from "./region.ts";

/** What the code is for that follows. */
export type Note =
  /** Charging so many steps for a block, if there are as many left. */
  | { readonly kind: "block"; readonly steps: number }
  /** An instruction, or what comes after it. */
  | { readonly kind: "instruction"; readonly placed: Placed }
  /** Leaving the region for another one or, if there is none, for the interpreter. */
  | { readonly kind: "leave" }
  /** Going back to the interpreter in any case. */
  | { readonly kind: "stop" };

/** The notes of one region. */
export class RegionNotes {
  /** By their number in the code. */
  readonly notes: Note[] = [];
  /** Names of local variables by index. */
  readonly names: Map<number, string> = new Map();

  /** Code that emits nothing, for this place in the region's code. */
  mark(what: Note): Code {
    return note(this.notes.push(what) - 1);
  }

  /** Names local variables. */
  name(locals: Readonly<Record<string, Local>>): void {
    for (const [name, { index }] of Object.entries(locals)) this.names.set(index, name);
  }
}

/** A module that was linked. */
export interface LinkedModule {
  /** The module. */
  readonly binary: Uint8Array;
  /** Its regions. */
  readonly regions: readonly LinkedRegion[];
}

/** A region of it. */
export interface LinkedRegion {
  /** What was translated. */
  readonly region: Region;
  /** RAM page of the code. */
  readonly ramPage: number;
  /** Where that page is decoded: what entries of the fetch TLB say of it. */
  readonly decodedPage: number;
  /** Its function in the module. */
  readonly functionIndex: number;
  /** The notes. */
  readonly notes: RegionNotes;
  /** Where each note stands, in the order of places: from the first byte after the function's length. */
  readonly places: readonly { readonly at: number; readonly number: number }[];
}
