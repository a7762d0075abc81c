/**
 * Second pass, structuring: control flow of any shape as nested blocks and loops of WebAssembly, by the dominator
 * tree (N. Ramsey, "Beyond Relooper", ICFP 2022).
 *
 * Node 0 is the dispatcher, a loop that goes to any entry. An edge backwards to a node that does not dominate
 * its source, for which WebAssembly has no form, is taken through the dispatcher, too.
 */
import { block, br, type Code, Label, loop } from "../../wasm/code.ts";

/** A graph whose nodes are numbers from 0, the dispatcher. */
export interface Graph {
  /** For each node where it goes to; the order means nothing. */
  readonly successors: readonly (readonly number[])[];
  /** For entries that have a copy of their own for the dispatcher, which node that is. */
  readonly copies?: ReadonlyMap<number, number>;
}

/** How to emit a node. */
export interface NodeEmission {
  /** The code of a node, with ways to go to its successors. */
  emit(node: number, way: (successor: number) => Code): Code;
  /** The code of the dispatcher: goes to one of several nodes, by a branch to its label. */
  select(labels: ReadonlyMap<number, Label>): Code;
  /** Makes the dispatcher select a node. */
  dispatch(node: number): Code;
}

/** The dispatcher. */
export const DISPATCHER = 0;

/** The shape of a graph: what is entered through the dispatcher, and the dominator tree. */
export interface Shape {
  /** Nodes that the dispatcher can go to. */
  readonly dispatched: ReadonlySet<number>;
  /** Nodes in reverse postorder: place of each. */
  readonly order: readonly number[];
  /** The immediate dominator of each. */
  readonly dominators: readonly number[];
  /** How many edges between other nodes go through the dispatcher. */
  readonly detours: number;
}

/**
 * The graph with a copy of each entry that is also gone to from elsewhere, if fewer edges make a detour then. A loop
 * that is entered in its middle as well as at its header is no loop for WebAssembly; with a copy of the middle the
 * way in leads to the header.
 */
export function withCopiedEntries(graph: Graph): Graph {
  const plain = shapeOf(graph);
  if (plain.detours === 0) return graph;
  const [entries, ...others] = graph.successors;
  const reached = new Set(others.flat());
  const copies = new Map<number, number>();
  const copied: (readonly number[])[] = [];
  for (const entry of entries!) {
    if (!reached.has(entry)) continue;
    copies.set(entry, graph.successors.length + copied.length);
    copied.push(graph.successors[entry]!);
  }
  const toCopies = entries!.map((entry) => copies.get(entry) ?? entry);
  const split = { successors: [toCopies, ...others, ...copied], copies };
  return shapeOf(split).detours < plain.detours ? split : graph;
}

/** Finds out what must go through the dispatcher, so that what is left is reducible. */
export function shapeOf(graph: Graph): Shape {
  const dispatched = new Set(graph.successors[DISPATCHER]);
  for (;;) {
    const successors = graph.successors.map((list, node) =>
      node === DISPATCHER ? [...dispatched] : list
    );
    const order = reversePostorder(successors);
    const dominators = immediateDominators(successors, order);
    const before = dispatched.size;
    let detours = 0;
    successors.forEach((list, node) => {
      if (order[node]! < 0) return;
      for (const next of list) {
        const backwards = order[next]! <= order[node]!;
        if (!backwards || dominates(next, node, dominators)) continue;
        dispatched.add(graph.copies?.get(next) ?? next);
        detours++;
      }
    });
    if (dispatched.size === before) return { dispatched, order, dominators, detours };
  }
}

/** The whole graph as structured code. */
export function structure(graph: Graph, shape: Shape, emission: NodeEmission): Code {
  const { order, dominators, dispatched } = shape;
  const children = graph.successors.map((): number[] => []);
  const forwards = graph.successors.map(() => 0);
  const loops = new Set<number>();
  graph.successors.forEach((list, node) => {
    if (order[node]! < 0) return;
    if (node !== DISPATCHER) children[dominators[node]!]!.push(node);
    for (const next of node === DISPATCHER ? dispatched : list) {
      if (order[next]! > order[node]!) forwards[next]!++;
      else if (dominates(next, node, dominators)) loops.add(next);
      else loops.add(DISPATCHER);
    }
  });
  const merges = (node: number) =>
    forwards[node]! > 1 || (dispatched.has(node) && dispatched.size > 1);
  const starts = graph.successors.map(() => new Label());
  const ends = graph.successors.map(() => new Label());

  const tree = (node: number): Code => {
    const inner = children[node]!.filter(merges).toSorted((a, b) => order[b]! - order[a]!);
    const body = within(node, inner);
    return loops.has(node) ? loop(starts[node]!, body) : body;
  };
  const within = (node: number, merging: readonly number[]): Code => {
    const [next, ...rest] = merging;
    if (next === undefined) return own(node);
    return [block(ends[next]!, within(node, rest)), tree(next)];
  };
  const own = (node: number): Code => {
    if (node !== DISPATCHER) return emission.emit(node, (successor) => way(node, successor));
    const [only, ...others] = dispatched;
    return others.length === 0
      ? way(DISPATCHER, only!)
      : emission.select(new Map(Array.from(dispatched, (to) => [to, ends[to]!])));
  };
  const way = (from: number, to: number): Code => {
    if (order[to]! <= order[from]!) {
      if (dominates(to, from, dominators)) return br(starts[to]!);
      return [emission.dispatch(to), br(starts[DISPATCHER]!)];
    }
    return merges(to) ? br(ends[to]!) : tree(to);
  };
  return tree(DISPATCHER);
}

function reversePostorder(successors: readonly (readonly number[])[]): number[] {
  const order = successors.map(() => -1);
  const seen = new Set<number>();
  let place = successors.length;
  const stack: { readonly node: number; next: number }[] = [{ node: DISPATCHER, next: 0 }];
  seen.add(DISPATCHER);
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    const next = successors[top.node]![top.next++];
    if (next === undefined) {
      order[top.node] = --place;
      stack.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      stack.push({ node: next, next: 0 });
    }
  }
  return order;
}

/** K. Cooper, T. Harvey, K. Kennedy, "A Simple, Fast Dominance Algorithm". */
function immediateDominators(
  successors: readonly (readonly number[])[],
  order: readonly number[],
): number[] {
  const dominators = successors.map(() => -1);
  dominators[DISPATCHER] = DISPATCHER;
  const sequence = [...order.keys()].filter((node) => order[node]! >= 0)
    .toSorted((a, b) => order[a]! - order[b]!);
  const common = (a: number, b: number): number => {
    while (a !== b) {
      if (order[a]! > order[b]!) a = dominators[a]!;
      else b = dominators[b]!;
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const node of sequence) {
      for (const next of successors[node]!) {
        if (next === DISPATCHER) continue;
        const known = dominators[next]!;
        const found = known < 0 ? node : common(known, node);
        if (found !== known) {
          dominators[next] = found;
          changed = true;
        }
      }
    }
  }
  return dominators;
}

function dominates(above: number, node: number, dominators: readonly number[]): boolean {
  for (let at = node;; at = dominators[at]!) {
    if (at === above) return true;
    if (at === DISPATCHER) return false;
  }
}
