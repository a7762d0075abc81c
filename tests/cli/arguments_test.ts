import { assertEquals, assertThrows } from "@std/assert";
import { parseArguments } from "../../lib/cli/arguments.ts";
import {
  type Arguments,
  choiceOption,
  type Command,
  flag,
  numberOption,
  sizeOption,
  stepsOption,
  textOption,
  UsageError,
} from "../../lib/cli/command.ts";

const loud = flag("loud", "Be loud");
const size = sizeOption("size", "How large");
const every = stepsOption("every", "How often", 1000);
const count = numberOption("count", "N", "How many", { least: 1, most: 10 });
const color = choiceOption("color", ["red", "blue"], "Which color");
const output = textOption("output", "FILE", "Where to", { short: "o" });
const to = textOption("to", "STREAM", "Also where to", { repeat: true });

const command: Command = {
  name: "paint",
  operands: [{ name: "WALL", help: "What to paint" }],
  summary: "Paint a wall",
  options: [loud, size, every, count, color, output, to],
  run: () => Promise.resolve(0),
};

function parsed(...words: readonly string[]): Arguments {
  const given = parseArguments(command, words);
  if (given === "help") throw new Error("Help was asked for");
  return given;
}

Deno.test("operands and options are found in any order", () => {
  for (const words of [["wall", "--count", "3"], ["--count", "3", "wall"], ["--count=3", "wall"]]) {
    const given = parsed(...words);
    assertEquals(given.operand("WALL"), "wall");
    assertEquals(given.value(count), 3);
  }
});

Deno.test("an option that was not given has no value", () => {
  const given = parsed("wall");
  assertEquals([given.value(loud), given.value(size), given.values(to)], [
    undefined,
    undefined,
    [],
  ]);
});

Deno.test("a lone dash is a value and an operand", () => {
  assertEquals(parsed("-o", "-", "wall").value(output), "-");
  assertEquals(parsed("--output", "-", "wall").value(output), "-");
  assertEquals(parsed("--loud", "-").operand("WALL"), "-");
  assertEquals(parsed("--to", "a", "wall", "--to", "-").values(to), ["a", "-"]);
  assertEquals(parsed("-").operand("WALL"), "-");
});

Deno.test("a repeatable option gathers its values in order", () => {
  assertEquals(parsed("--to", "a", "wall", "--to", "exec:b -c").values(to), ["a", "exec:b -c"]);
});

Deno.test("after a double dash everything is an operand", () => {
  assertEquals(parsed("--", "--count").operand("WALL"), "--count");
});

Deno.test("a number keeps its digits as an operand", () => {
  assertEquals(parsed("007").operand("WALL"), "007");
});

Deno.test("sizes have units", () => {
  const bytes = ["512", "8K", "3M", "1G"].map((text) => parsed("wall", "--size", text).value(size));
  assertEquals(bytes, [512, 8192, 3 * 2 ** 20, 2 ** 30]);
});

Deno.test("help is asked for with --help or -h, whatever else is missing", () => {
  assertEquals(parseArguments(command, ["--help"]), "help");
  assertEquals(parseArguments(command, ["-h", "wall"]), "help");
});

for (
  const [what, words, message] of [
    ["a missing operand", [], "WALL is missing: What to paint"],
    ["a surplus operand", ["a", "b"], 'Do not know what to do with "b"'],
    ["an unknown option", ["a", "--size=1", "--bogus=2"], "There is no option --bogus"],
    ["an unknown short option", ["a", "-x"], "There is no option -x"],
    ["a negated switch", ["a", "--no-loud"], "There is no option --no-loud"],
    ["a missing value", ["a", "--count"], "--count needs a value: N"],
    ["a missing value before an option", ["a", "-o", "--loud"], "-o needs a value: FILE"],
    ["an option given twice", ["a", "-o", "x", "--output", "y"], "-o can be given only once"],
    [
      "a number out of bounds",
      ["a", "--count", "11"],
      "--count must be a whole number from 1 to 10",
    ],
    ["a fraction", ["a", "--count", "1.5"], "--count must be a whole number from 1 to 10"],
    ["a word that is no choice", ["a", "--color", "pink"], "--color must be red or blue"],
    ["a size without a unit that is known", ["a", "--size", "8X"], "--size must be a size"],
    ["no size", ["a", "--size", "0"], "--size must be a size"],
  ] as const
) {
  Deno.test(`${what} is a usage error that says what is right`, () => {
    assertThrows(() => parsed(...words), UsageError, message);
  });
}

Deno.test("a number of steps may have a factor, in tens", () => {
  const steps = (text: string) => parsed("wall", "--every", text).value(every);
  assertEquals(["1000", "2_000", "5k", "100M", "3G"].map(steps), [1000, 2000, 5000, 1e8, 3e9]);
  for (const text of ["k", "999", "1K", "1e9", "5 k", "9007199254740993"]) {
    assertThrows(() => steps(text), UsageError, "--every must be at least 1000 steps");
  }
});
