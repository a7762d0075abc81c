import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseStreamArgument, StreamArgumentError } from "../../lib/replica/stream_argument.ts";

Deno.test("a stream is a file, standard input or output, a command or a socket", () => {
  assertEquals(parseStreamArgument("-"), { kind: "standard" });
  assertEquals(parseStreamArgument("run.log"), { kind: "file", path: "run.log" });
  assertEquals(parseStreamArgument("./exec:x"), { kind: "file", path: "./exec:x" });
  assertEquals(parseStreamArgument("/a b:c"), { kind: "file", path: "/a b:c" });
  assertEquals(parseStreamArgument("exec:ssh host 'x: y'\nz"), {
    kind: "exec",
    command: "ssh host 'x: y'\nz",
  });
  assertEquals(parseStreamArgument("unix:/run/a:b"), { kind: "unix", path: "/run/a:b" });
});

Deno.test("a stream that makes no sense is refused with what to write instead", () => {
  const refused: [string, string][] = [
    ["", "name a FILE, -, exec:COMMAND or unix:PATH"],
    ["exec:", "a command follows exec:"],
    ["exec:  ", "a command follows exec:"],
    ["unix:", "a path follows unix:"],
    [`unix:/${"x".repeat(107)}`, "its path has 108 bytes"],
    [`unix:/${"ä".repeat(54)}`, "its path has 109 bytes"],
    ["tcp:host:7000", "there is no tcp: stream"],
    ["tcp:host:7000", "./tcp:host:7000"],
    ["a\0b", "zero byte"],
  ];
  for (const [argument, reason] of refused) {
    const error = assertThrows(() => parseStreamArgument(argument), StreamArgumentError);
    assert(error.message.includes(reason), error.message);
    assertEquals(error.argument, argument);
  }
  assertEquals(parseStreamArgument(`unix:/${"x".repeat(106)}`).kind, "unix");
});
