import { assert, assertEquals } from "@std/assert";
import type { Terminal } from "../../lib/host/character_mode.ts";
import { EscapeKeys } from "../../lib/host/escape_keys.ts";
import { type ByteInput, ConsoleInput } from "../../lib/host/console_input.ts";

const text = (data: Uint8Array) => new TextDecoder().decode(data);

Deno.test("what is typed can be taken, in order and in parts, and the end is seen", async () => {
  const keyboard = new Keyboard();
  const input = new ConsoleInput(keyboard);
  keyboard.type("abc");
  await input.arrival();
  keyboard.type("def");
  await keyboard.settle();
  assertEquals(text(input.take(2)), "ab");
  assertEquals(text(input.take()), "cdef");
  assertEquals(input.take().length, 0);
  assert(!input.ended);
  keyboard.end();
  await input.arrival();
  assert(input.ended);
});

Deno.test("typing ahead of the machine stops at the bound and goes on when some is taken", async () => {
  const keyboard = new Keyboard();
  const input = new ConsoleInput(keyboard, { capacityBytes: 4 });
  keyboard.type("abcdefghij");
  await keyboard.settle();
  assertEquals(input.available, 4);
  let all = "";
  while (all.length < 10) {
    await input.arrival();
    assert(input.available <= 4);
    all += text(input.take(3));
  }
  assertEquals(all, "abcdefghij");
  input.close();
});

Deno.test("a terminal is in character mode, Ctrl-C still a signal, until input is closed", () => {
  const keyboard = new Keyboard(true);
  const input = new ConsoleInput(keyboard);
  assertEquals(keyboard.modes, ["raw cbreak"]);
  input.close();
  input.close();
  assertEquals(keyboard.modes, ["raw cbreak", "cooked"]);
});

Deno.test("a terminal with keys of ours is raw, and these work also when the guest does not read", async () => {
  const keyboard = new Keyboard(true);
  const called: string[] = [];
  const escape = new EscapeKeys({
    quit: () => called.push("quit"),
    help: () => called.push("help"),
  });
  const input = new ConsoleInput(keyboard, { capacityBytes: 4, escape });
  keyboard.type("abcdef\x01h");
  await keyboard.settle();
  keyboard.type("\x01x");
  await keyboard.settle();
  assertEquals(called, ["help", "quit"]);
  assertEquals(text(input.take()), "abcd");
  keyboard.type("gh");
  await keyboard.settle();
  assertEquals(text(input.take()), "gh");
  input.close();
  assertEquals(keyboard.modes, ["raw", "cooked"]);
});

Deno.test("a pipe is never put into character mode", () => {
  const keyboard = new Keyboard(false);
  new ConsoleInput(keyboard).close();
  assertEquals(keyboard.modes, []);
});

Deno.test("a failing input ends, and says why", async () => {
  const input = new ConsoleInput({ read: () => Promise.reject(new Error("Unplugged")) });
  await input.arrival();
  assertEquals([input.ended, input.failure], [true, "Unplugged"]);
});

Deno.test("after closing nothing more arrives", async () => {
  const keyboard = new Keyboard();
  const input = new ConsoleInput(keyboard);
  const waiting = input.arrival();
  input.close();
  await waiting;
  keyboard.type("late");
  await keyboard.settle();
  assertEquals([input.available, input.ended], [0, true]);
});

class Keyboard implements ByteInput, Terminal {
  readonly modes: string[] = [];
  #waiting: (() => void) | undefined;
  #typed: number[] = [];
  #ended = false;

  constructor(private readonly terminal = false) {}

  type(characters: string): void {
    this.#typed.push(...new TextEncoder().encode(characters));
    this.#waiting?.();
  }

  end(): void {
    this.#ended = true;
    this.#waiting?.();
  }

  /** Lets the reader take what it can. */
  settle(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 1));
  }

  isTerminal(): boolean {
    return this.terminal;
  }

  setRaw(mode: boolean, options?: { cbreak: boolean }): void {
    this.modes.push(mode ? `raw${options?.cbreak ? " cbreak" : ""}` : "cooked");
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#typed.length === 0) {
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    const taken = this.#typed.splice(0, into.length);
    into.set(taken);
    return taken.length;
  }
}
