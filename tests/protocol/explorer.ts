/**
 * A small explicit-state explorer: visits every state that can be reached, breadth first, so that the
 * trace to a broken invariant is a shortest one.
 */

/** One move from a state: what happens, and what the state is then. */
export interface Move<State> {
  readonly label: string;
  readonly next: State;
}

/** What is explored. */
export interface Model<State> {
  readonly initial: State;
  moves(state: State): readonly Move<State>[];
  /** Equal keys mean states that behave the same. */
  key(state: State): string;
  /** Says which invariant a state breaks, if it breaks one. */
  broken(state: State): string | undefined;
}

/** The result of an exploration. */
export interface Exploration<State> {
  readonly states: number;
  readonly moves: number;
  /** Longest of the shortest paths: the depth at which the last new state was found. */
  readonly depth: number;
  readonly counterexample?: Counterexample<State>;
}

/** The shortest way to a broken invariant. */
export interface Counterexample<State> {
  readonly broken: string;
  readonly moves: readonly Move<State>[];
}

/** The exploration would need more states than it was allowed. */
export class ExplorationTooLarge extends Error {
  constructor(states: number, depth: number) {
    super(`More than ${states} states, at depth ${depth}: choose smaller bounds`);
    this.name = "ExplorationTooLarge";
  }
}

/** Visits every reachable state, or stops at the first that breaks an invariant. */
export function explore<State>(model: Model<State>, maxStates = Infinity): Exploration<State> {
  const keys: string[] = [model.key(model.initial)];
  const parents: number[] = [-1];
  const seen = new Set<string>(keys);
  let moves = 0;
  let depth = 0;
  const finish = (last?: number, broken?: string): Exploration<State> => ({
    states: keys.length,
    moves,
    depth,
    ...(last !== undefined && broken !== undefined
      ? { counterexample: { broken, moves: trace(model, keys, parents, last) } }
      : {}),
  });

  const atOnce = model.broken(model.initial);
  if (atOnce !== undefined) return finish(0, atOnce);
  let level: { index: number; state: State }[] = [{ index: 0, state: model.initial }];
  while (level.length > 0) {
    const following: { index: number; state: State }[] = [];
    for (const { index, state } of level) {
      for (const { next } of model.moves(state)) {
        moves++;
        const key = model.key(next);
        if (seen.has(key)) continue;
        if (keys.length >= maxStates) throw new ExplorationTooLarge(maxStates, depth);
        seen.add(key);
        keys.push(key);
        parents.push(index);
        const broken = model.broken(next);
        if (broken !== undefined) return finish(keys.length - 1, broken);
        following.push({ index: keys.length - 1, state: next });
      }
    }
    if (following.length > 0) depth++;
    level = following;
  }
  return finish();
}

/** Only keys and parents were kept: the moves are found again on the way from the initial state. */
function trace<State>(
  model: Model<State>,
  keys: readonly string[],
  parents: readonly number[],
  last: number,
): Move<State>[] {
  const way: string[] = [];
  for (let index = last; index > 0; index = parents[index]!) way.unshift(keys[index]!);
  const moves: Move<State>[] = [];
  let state = model.initial;
  for (const key of way) {
    const move = model.moves(state).find(({ next }) => model.key(next) === key);
    if (!move) throw new Error("The model is not deterministic: a move was not found again");
    moves.push(move);
    state = move.next;
  }
  return moves;
}
