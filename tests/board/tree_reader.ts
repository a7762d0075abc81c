/** Reads device tree blobs, for tests. */
import { assertEquals } from "@std/assert";

/** A node: properties as bytes, children as nodes. */
export type Tree = { [name: string]: Uint8Array | Tree };

/** A reader that knows nothing of the writer (Devicetree Specification v0.4, section 5.4). */
export function parseTree(blob: Uint8Array): Tree {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength);
  const cell = (at: number) => view.getUint32(at);
  assertEquals(cell(0), 0xd00dfeed);
  const text = (at: number) => {
    const end = blob.indexOf(0, at);
    return new TextDecoder().decode(blob.subarray(at, end));
  };
  let at = cell(8);
  const stack: Tree[] = [{}];
  for (;;) {
    const token = cell(at);
    at += 4;
    if (token === 1) {
      const name = text(at);
      at = (at + name.length + 4) & ~3;
      const node: Tree = {};
      stack.at(-1)![name] = node;
      stack.push(node);
    } else if (token === 2) {
      stack.pop();
    } else if (token === 3) {
      const length = cell(at);
      const name = text(cell(12) + cell(at + 4));
      stack.at(-1)![name] = blob.slice(at + 8, at + 8 + length);
      at = (at + 8 + length + 3) & ~3;
    } else {
      assertEquals(token, 9);
      assertEquals(at, cell(8) + cell(36));
      return stack[0]![""] as Tree;
    }
  }
}
