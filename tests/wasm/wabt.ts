/** The WebAssembly Binary Toolkit's disassembler: what is compared with. */
import { assertEquals } from "@std/assert";
import wabt from "wabt";

const toolkit = await wabt();

/** The text of each function of a module, folded, without comments, and with single spaces. */
export function wabtFunctions(binary: Uint8Array): readonly string[] {
  const module = toolkit.readWasm(binary, {
    readDebugNames: false,
    threads: true,
    tail_call: true,
  });
  try {
    const text = module.toText({ foldExprs: true, inlineExport: false })
      .replaceAll(/\(;.*?;\)/g, "").replaceAll(/;;.*$/gm, "")
      // The module's own end.
      .replace(/\)\s*$/, "");
    return text.split(/^ {2}(?=\()/m).filter((part) => part.startsWith("(func "))
      .map((part) => normalised(part));
  } finally {
    module.destroy();
  }
}

/** Text without the white space that means nothing. */
export function normalised(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/ ?([()]) ?/g, "$1").trim();
}

/** Long texts are the same; when not, shows where they part. */
export function assertSameText(actual: string, expected: string): void {
  if (actual === expected) return;
  let at = 0;
  while (actual[at] === expected[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - 200), at + 100);
  assertEquals(around(actual), around(expected));
}
