/** How a hart executes: engines differ in speed only (design invariant 2), so no log says which one it was. */

/** The engines: decoded records only, or hot code translated to WebAssembly as well. */
export const engineNames = ["interpreter", "mixed"] as const;
/** An engine. */
export type EngineName = typeof engineNames[number];

/** The choice of an engine. */
export interface EngineOptions {
  /** Which one; absent: {@linkcode DEFAULT_ENGINE}. */
  readonly engine?: EngineName;
  /** How often code is gone to before the mixed engine translates it; absent: as often as pays. */
  readonly hotAt?: number;
}

/** The engine of whoever does not choose. */
export const DEFAULT_ENGINE: EngineName = "interpreter";

/** Translating costs as much as interpreting code some hundred times. */
export const DEFAULT_HOT_AT = 400;
