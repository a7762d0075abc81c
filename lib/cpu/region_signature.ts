/** How translated code is entered. */
import type { Signature } from "../wasm/module.ts";

/** The type of a region's function: the pc, and the steps that are left. It leaves the state in memory. */
export const REGION_SIGNATURE: Signature = { parameters: ["i64", "i32"], results: [] };
