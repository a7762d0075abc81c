import { assertEquals, assertThrows } from "@std/assert";
import { parsePosition, PositionError } from "../../lib/debug/position.ts";

Deno.test("positions are steps, epochs, times and console texts", () => {
  assertEquals(parsePosition("1_234_567"), { kind: "step", step: 1_234_567 });
  assertEquals(parsePosition("step:7"), { kind: "step", step: 7 });
  assertEquals(parsePosition("1.5G"), { kind: "step", step: 1_500_000_000 });
  assertEquals(parsePosition("epoch:12"), { kind: "epoch", epoch: 12 });
  assertEquals(parsePosition("time:12.5"), { kind: "time", ticks: 125_000_000 });
  assertEquals(parsePosition("time:0.3s"), { kind: "time", ticks: 3_000_000 });
  assertEquals(parsePosition("time:80ms"), { kind: "time", ticks: 800_000 });
  assertEquals(parsePosition("time:77ticks"), { kind: "time", ticks: 77 });
  assertEquals(parsePosition("console:'login:'"), { kind: "console", text: "login:" });
  assertEquals(parsePosition("console:it's\\n"), { kind: "console", text: "it's\n" });
  assertEquals(parsePosition('console:"\'"'), { kind: "console", text: "'" });
});

Deno.test("what is no position is refused in one line", () => {
  const wrong = ["", "-1", "x", "1.5", "1T", "epoch:", "epoch:1.5", "epoch:3k", "time:1h"];
  for (const text of [...wrong, "time:x", "console:", "console:''", "9e9", "99999999G"]) {
    const { message } = assertThrows(() => parsePosition(text), PositionError);
    assertEquals(message.split("\n").length, 1);
  }
});
