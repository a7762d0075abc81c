import { assertEquals } from "@std/assert";
import { parseSource, PROJECT, type SourceFile, sourceFiles } from "./syntax.ts";

/** The machine: a pure function (design invariant 1). */
const MACHINE = ["lib/isa", "lib/wasm", "lib/cpu", "lib/board"] as const;

/** ECMAScript's own ways to a value that is not the same every time, or not on every host. */
const FORBIDDEN_IDENTIFIERS = [
  "Date",
  "Intl",
  "WeakRef",
  "FinalizationRegistry",
  "SharedArrayBuffer",
  "Atomics",
  "eval",
];
const FORBIDDEN_MEMBERS = ["Math.random", "Temporal.Now"];

Deno.test("the machine is type-checked with a library that knows no clock, host or network", () => {
  const { success, report } = checkedWithoutHost(sourceFiles(...MACHINE).map(({ path }) => path));
  assertEquals(success, true, report);
});

for (
  const [what, source] of [
    ["Deno", "export const x: unknown = Deno.pid;"],
    ["performance", "export const x: number = performance.now();"],
    ["crypto", "export const x: unknown = crypto.randomUUID();"],
    ["a timer", "setTimeout(() => {}, 1);"],
    ["fetch", 'export const x: unknown = fetch("http://example.org");'],
    ["console", 'console.log("x");'],
  ] as const
) {
  Deno.test(`the machine's library refuses ${what}`, async () => {
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(path, source);
      assertEquals(checkedWithoutHost([path]).success, false);
    } finally {
      await Deno.remove(path);
    }
  });
}

Deno.test("the machine's library knows ECMAScript and WebAssembly", async () => {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(path, "export const x = new WebAssembly.Memory({ initial: 1 });");
    assertEquals(checkedWithoutHost([path]), { success: true, report: "" });
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("the machine's sources name neither Date nor Math.random nor the like", () => {
  assertEquals(sourceFiles(...MACHINE).flatMap(forbiddenNames), []);
});

Deno.test("a forbidden name is found, and a property or comment of that name is not", () => {
  const found = (text: string) => forbiddenNames(parseSource("lib/cpu/a.ts", text)).length;
  assertEquals(found("const x = new Date();"), 1);
  assertEquals(found("const x = Math.random();"), 1);
  assertEquals(found("const x = Math .random;"), 1);
  assertEquals(found("const { random } = Math;"), 1);
  assertEquals(found('const x = Math["random"]();'), 1);
  assertEquals(found('const x = globalThis["Date"];'), 1);
  assertEquals(found("const x = { Date: 1 }.Date; // Date"), 0);
});

function forbiddenNames({ path, identifiers, members, text }: SourceFile): readonly string[] {
  const names = FORBIDDEN_IDENTIFIERS.filter((name) => identifiers.has(name));
  const chains = FORBIDDEN_MEMBERS.filter((name) => {
    const [object, property] = name.split(".") as [string, string];
    return members.has(name) || members.has(`${object}["${property}"]`) ||
      new RegExp(`\\{[^}]*\\b${property}\\b[^}]*\\}\\s*=\\s*${object}\\b`).test(text);
  });
  return [...names, ...chains].map((name) => `${path} uses ${name}`);
}

function checkedWithoutHost(paths: readonly string[]) {
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: [
      "check",
      "--quiet",
      "--no-lock",
      `--config=${PROJECT}tests/house/one_door.json`,
      ...paths,
    ],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
  }).outputSync();
  return { success, report: new TextDecoder().decode(stderr) };
}
