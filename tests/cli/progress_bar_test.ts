import { assertEquals } from "@std/assert";
import { barText, ProgressBar } from "../../lib/cli/progress_bar.ts";

/** A terminal, or not, that takes few bytes at a time. */
class Output {
  text = "";

  constructor(private readonly terminal: boolean) {}

  isTerminal(): boolean {
    return this.terminal;
  }

  writeSync(data: Uint8Array): number {
    const taken = data.subarray(0, 7);
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }
}

Deno.test("a bar is as long as what is done", () => {
  assertEquals(barText(0), `[${"-".repeat(30)}]   0 %`);
  assertEquals(barText(0.5), `[${"#".repeat(15)}${"-".repeat(15)}]  50 %`);
  assertEquals(barText(1), `[${"#".repeat(30)}] 100 %`);
});

Deno.test("a bar is drawn on a terminal only, not too often, and goes away", () => {
  const terminal = new Output(true);
  const bar = new ProgressBar(terminal);
  bar.show(0.5, "half");
  bar.show(0.6, "more");
  bar.hide();
  bar.hide();
  assertEquals(terminal.text, `\r\x1b[K${barText(0.5)} half\r\x1b[K`);
  const file = new Output(false);
  new ProgressBar(file).show(1, "all");
  assertEquals(file.text, "");
});
