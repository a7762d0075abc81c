import { assertEquals } from "@std/assert";
import { EscapeKeys } from "../../lib/host/escape_keys.ts";

function typed(...parts: readonly string[]): readonly [passed: string, actions: readonly string[]] {
  const actions: string[] = [];
  const keys = new EscapeKeys({
    quit: () => actions.push("quit"),
    help: () => actions.push("help"),
  });
  const passed = parts.map((part) =>
    new TextDecoder().decode(keys.filter(new TextEncoder().encode(part)))
  );
  return [passed.join("|"), actions];
}

Deno.test("every key is the guest's, also Ctrl-C and Ctrl-Z", () => {
  assertEquals(typed("ls\r\x03\x1a\x04\x1b[A\xe9"), ["ls\r\x03\x1a\x04\x1b[A\xe9", []]);
});

Deno.test("Ctrl-A X quits, Ctrl-A H and Ctrl-A ? help, in either case", () => {
  assertEquals(typed("a\x01xb\x01Xc\x01hd\x01He\x01?f"), [
    "abcdef",
    ["quit", "quit", "help", "help", "help"],
  ]);
});

Deno.test("Ctrl-A Ctrl-A and Ctrl-A A are a Ctrl-A", () => {
  assertEquals(typed("\x01\x01x\x01ax\x01Ah"), ["\x01x\x01x\x01h", []]);
});

Deno.test("Ctrl-A and its key may come apart, and a key without a meaning is dropped", () => {
  assertEquals(typed("a\x01", "x", "\x01", "\x01", "\x01q", "b"), ["a|||\x01||b", ["quit"]]);
});
