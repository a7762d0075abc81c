/** Control flow of any shape runs as structured code: also what no structured program has. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  DISPATCHER,
  type Graph,
  shapeOf,
  structure,
  withCopiedEntries,
} from "../../../lib/cpu/translate/structure.ts";
import {
  block,
  br,
  brTable,
  call,
  type Code,
  i32,
  i64,
  Label,
  type Local,
  when,
} from "../../../lib/wasm/code.ts";
import { FunctionBuilder, ModuleBuilder } from "../../../lib/wasm/module.ts";

/** Nodes from 1 with where they go to: the first way when a bit of the choices is set, else the second; or nowhere. */
type Ways = readonly (readonly number[])[];

const STEPS = 64;

function walk(ways: Ways, entry: number, choices: bigint): number[] {
  const visited: number[] = [];
  for (let node = entry, step = 0; step < STEPS; step++) {
    visited.push(node);
    const [first, second] = ways[node - 1]!;
    if (first === undefined) break;
    node = (choices >> BigInt(step) & 1n) === 1n ? first : second ?? first;
  }
  return visited;
}

/** The same graph, prepared somehow, as code that tells which nodes it visits. */
function compile(ways: Ways, entries: readonly number[], prepare: (graph: Graph) => Graph) {
  const visited: number[] = [];
  const module = new ModuleBuilder();
  const visit = module.importFunction("visit", { parameters: ["i32"], results: [] });
  const builder = new FunctionBuilder({ parameters: ["i32", "i64"], results: [] });
  const [entry, choices] = builder.parameters as [Local, Local];
  const step = builder.local("i32");
  const exit = new Label();
  const graph = prepare({ successors: [entries, ...ways] });
  const originals = new Map(Array.from(graph.copies ?? [], ([original, copy]) => [copy, original]));
  const emit = (copy: number, way: (successor: number) => Code): Code => {
    const node = originals.get(copy) ?? copy;
    const [first, second] = ways[node - 1]!;
    const bit = i32.wrap(i64.and(i64.shr_u(choices.get, i64.extend_u(step.get)), i64.const(1)));
    const index = builder.local("i32");
    return [
      when(i32.ge_s(step.get, i32.const(STEPS)), br(exit)),
      call(visit, i32.const(node)),
      index.set(bit),
      step.set(i32.add(step.get, i32.const(1))),
      first === undefined ? br(exit) : [when(index.get, way(first)), way(second ?? first)],
    ];
  };
  const select = (labels: ReadonlyMap<number, Label>): Code => {
    const table = ways.map((_, index) => {
      const copy = graph.copies?.get(index + 1);
      return labels.get(copy ?? index + 1) ?? exit;
    });
    return brTable(i32.sub(entry.get, i32.const(1)), table, exit);
  };
  const dispatch = (node: number): Code => entry.set(i32.const(node));
  const code = structure(graph, shapeOf(graph), { emit, select, dispatch });
  module.addFunction(builder, block(exit, code), "run");
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), {
    lockstep: {
      memory: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }),
      visit: (node: number) => visited.push(node),
    },
  });
  const run = instance.exports.run as (entry: number, choices: bigint) => void;
  return (from: number, choose: bigint) => {
    visited.length = 0;
    run(from, choose);
    return [...visited];
  };
}

const graphs = fc.integer({ min: 1, max: 12 }).chain((size) => {
  const node = fc.integer({ min: 1, max: size });
  return fc.record({
    ways: fc.array(fc.array(node, { maxLength: 2 }), { minLength: size, maxLength: size }),
    entries: fc.uniqueArray(node, { minLength: 1, maxLength: 3 }),
  });
});

Deno.test("structured code visits the nodes that the graph says, from every entry", () => {
  const word = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n });
  fc.assert(
    fc.property(
      graphs,
      fc.array(word, { minLength: 4, maxLength: 4 }),
      ({ ways, entries }, words) => {
        for (const prepare of [(graph: Graph) => graph, withCopiedEntries]) {
          const run = compile(ways, entries, prepare);
          for (const entry of entries) {
            for (const choices of words) {
              assertEquals(run(entry, choices), walk(ways, entry, choices));
            }
          }
        }
      },
    ),
    { numRuns: 400 },
  );
});

Deno.test("only what has no structured form goes through the dispatcher", () => {
  const reducible = shapeOf({ successors: [[1], [2], [2, 1, 3], []] });
  assertEquals([...reducible.dispatched], [1]);
  const twoHeaded = shapeOf({ successors: [[1], [2, 3], [3], [2]] });
  assertEquals(twoHeaded.dispatched.size, 2);
  assert(!twoHeaded.dispatched.has(DISPATCHER));
});

Deno.test("a loop that is entered in its middle has a copy of that on the way to its header", () => {
  // 1 is gone to at first; 2 and 3 make a loop with 2 as its header.
  const graph = { successors: [[3, 1], [2], [3], [2]] };
  assertEquals(shapeOf(graph).detours, 1);
  const split = withCopiedEntries(graph);
  assertEquals([...split.copies ?? []], [[3, 4]]);
  assertEquals(shapeOf(split).detours, 0);
});

Deno.test("no entry is copied in vain", () => {
  const reducible = { successors: [[1], [2], [2, 1]] };
  assertEquals(withCopiedEntries(reducible), reducible);
  const twoHeaded = { successors: [[1], [2, 3], [3], [2]] };
  assertEquals(withCopiedEntries(twoHeaded), twoHeaded);
});
