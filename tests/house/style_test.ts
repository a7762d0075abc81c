import { assertEquals } from "@std/assert";
import { sourceFiles } from "./syntax.ts";

const MOST_LINES = 700;

Deno.test("every source file has fewer than 700 lines", () => {
  const long = sourceFiles("lib", "tests", "guests")
    .map(({ path, text }) => ({ path, lines: text.split("\n").length }))
    .filter(({ lines }) => lines >= MOST_LINES);
  assertEquals(long, []);
});

Deno.test("no file is called after nothing in particular", () => {
  const vague = /\/(utils?|helpers?|common|misc|index|shared)\.ts$/;
  assertEquals(
    sourceFiles("lib", "tests").map(({ path }) => path).filter((path) => vague.test(path)),
    [],
  );
});

Deno.test("only the command line talks to a person", () => {
  const talking = sourceFiles("lib")
    .filter(({ path, identifiers }) => !path.startsWith("lib/cli/") && identifiers.has("console"))
    // A variable of that name is no talking.
    .filter(({ members }) =>
      [...members].some((name) => /^console\.(log|error|warn|info|debug)$/.test(name))
    );
  assertEquals(talking.map(({ path }) => path), []);
});

Deno.test("nothing is left for later", () => {
  const marks = new RegExp(["TO", "DO|FIX", "ME|XX", "X\\b"].join(""));
  const left = sourceFiles("lib", "tests", "guests").filter(({ text }) => marks.test(text));
  assertEquals(left.map(({ path }) => path), []);
});
