/**
 * How a hart executes. Engines differ in speed only (design invariant 2): no configuration, log or snapshot says which
 * one it was, and a process has one choice for all harts that it makes.
 */

/** The engines: decoded records only, or hot code translated to WebAssembly as well. */
export const engineNames = ["interpreter", "mixed"] as const;
/** An engine. */
export type EngineName = typeof engineNames[number];

/** The choice of an engine. */
export interface EngineChoice {
  /** Which one. */
  readonly engine: EngineName;
  /** How often code is gone to before the mixed engine translates it. */
  readonly hotAt: number;
  /** Most translated regions that the mixed engine keeps; absent: as many as are good. */
  readonly mostRegions?: number;
}

/** The engine of whoever does not choose. Translating costs as much as interpreting code some thousand times. */
export const DEFAULT_ENGINE: EngineChoice = { engine: "mixed", hotAt: 20_000 };

let chosen = DEFAULT_ENGINE;

/** Chooses the engine of the harts that are made from now on; what is not said is as by default. */
export function chooseEngine(choice: Partial<EngineChoice>): void {
  chosen = { ...DEFAULT_ENGINE, ...choice };
}

/** The engine of the next hart. */
export function chosenEngine(): EngineChoice {
  return chosen;
}
