import { assertEquals } from "@std/assert";
import { parseSource, type SourceFile, sourceFiles } from "./syntax.ts";

/** The floors of the house (design section 8): a file imports from its own folder and from below. */
const FLOORS: readonly (readonly string[])[] = [
  ["wasm"],
  ["isa"],
  ["cpu"],
  ["board"],
  ["epoch"],
  ["log", "host"],
  ["replica"],
  ["debug"],
  ["cli"],
];

/** What folders may import besides: packages, the runtime's own modules, and the auditor. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  log: ["cbor-x", "node:crypto", "node:zlib"],
  host: ["node:crypto", "node:fs", "node:timers"],
  debug: ["node:fs", "node:zlib"],
  replica: ["node:crypto", "node:fs", "node:path"],
  cli: ["@std/cli", "@std/streams", "../../deno.json", "../../guests/teller/auditor.ts"],
};

Deno.test("a file of lib imports only from its own folder and from lower floors", () => {
  assertEquals(sourceFiles("lib").flatMap(forbiddenImports), []);
});

Deno.test("an import that points upwards is found", () => {
  const found = (path: string, text: string) => forbiddenImports(parseSource(path, text)).length;
  assertEquals(found("lib/cpu/a.ts", 'import { x } from "../board/bus.ts";'), 1);
  assertEquals(found("lib/log/a.ts", 'export { x } from "../host/disk.ts";'), 1);
  assertEquals(found("lib/cpu/a.ts", 'const x = await import("../cli/main.ts");'), 1);
  assertEquals(found("lib/cpu/a.ts", 'import fs from "node:fs";'), 1);
  assertEquals(found("lib/cpu/a.ts", 'import { x } from "../wasm/code.ts";'), 0);
});

Deno.test("no files of lib import each other in a circle", () => {
  const files = new Map(sourceFiles("lib").map((file) => [file.path, file]));
  const state = new Map<string, "open" | "done">();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]) => {
    if (state.get(path) === "done") return;
    if (state.get(path) === "open") {
      circles.push([...way.slice(way.indexOf(path)), path].join(" -> "));
      return;
    }
    state.set(path, "open");
    for (const specifier of files.get(path)?.imports ?? []) {
      if (specifier.startsWith(".")) visit(resolved(path, specifier), [...way, path]);
    }
    state.set(path, "done");
  };
  for (const path of files.keys()) visit(path, []);
  assertEquals(circles, []);
});

function forbiddenImports({ path, imports }: SourceFile): readonly string[] {
  const folder = path.split("/")[1]!;
  return imports.filter((specifier) => !isAllowed(path, folder, specifier))
    .map((specifier) => `${path} imports ${specifier}`);
}

function isAllowed(path: string, folder: string, specifier: string): boolean {
  if (OUTSIDE[folder]?.includes(specifier)) return true;
  if (!specifier.startsWith(".")) return false;
  const [top, other] = resolved(path, specifier).split("/");
  return top === "lib" && (other === folder || floorOf(other!) < floorOf(folder));
}

function floorOf(folder: string): number {
  const floor = FLOORS.findIndex((folders) => folders.includes(folder));
  if (floor < 0) throw new Error(`Folder lib/${folder} has no floor`);
  return floor;
}

/** The path from the project's folder that a relative specifier means. */
function resolved(path: string, specifier: string): string {
  return new URL(specifier, `file:///${path}`).pathname.slice(1);
}
