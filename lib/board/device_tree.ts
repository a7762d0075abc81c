/** Flattened device trees (Devicetree Specification v0.4, chapter 5). */
import { asciiBytes } from "./ascii.ts";

/** A property: text, several texts, 32-bit cells, or nothing (its presence says it). */
export type PropertyValue = string | readonly string[] | readonly number[] | undefined;

/** A node: name, properties in order, children in order. */
export interface TreeNode {
  /** Name with its unit address; empty for the root. */
  readonly name: string;
  /** Properties in order. */
  readonly properties: Readonly<Record<string, PropertyValue>>;
  /** Children in order. */
  readonly children: readonly TreeNode[];
}

const magic = 0xd00d_feed;
const version = 17;
const lastCompatibleVersion = 16;
const headerBytes = 40;
/** One terminating entry of the memory reservation block. */
const reservationBytes = 16;
const tokens = { beginNode: 1, endNode: 2, property: 3, end: 9 } as const;

function cells(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => view.setUint32(4 * index, value));
  return bytes;
}

function isTexts(value: readonly string[] | readonly number[]): value is readonly string[] {
  return typeof value[0] === "string";
}

function valueBytes(value: PropertyValue): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  if (typeof value === "string") return asciiBytes(`${value}\0`);
  if (isTexts(value)) return asciiBytes(value.map((text) => `${text}\0`).join(""));
  return cells(value);
}

class Writer {
  readonly structure: number[] = [];
  readonly strings: number[] = [];
  readonly #names = new Map<string, number>();

  node(node: TreeNode): void {
    this.#cell(tokens.beginNode);
    this.#padded(asciiBytes(`${node.name}\0`));
    for (const [name, value] of Object.entries(node.properties)) {
      const bytes = valueBytes(value);
      this.#cell(tokens.property);
      this.#cell(bytes.length);
      this.#cell(this.#name(name));
      this.#padded(bytes);
    }
    for (const child of node.children) this.node(child);
    this.#cell(tokens.endNode);
  }

  end(): void {
    this.#cell(tokens.end);
  }

  #name(name: string): number {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const offset = this.strings.length;
    this.#names.set(name, offset);
    this.strings.push(...asciiBytes(`${name}\0`));
    return offset;
  }

  #cell(value: number): void {
    this.structure.push(...cells([value]));
  }

  #padded(bytes: Uint8Array): void {
    this.structure.push(...bytes);
    while (this.structure.length % 4 !== 0) this.structure.push(0);
  }
}

/** The blob of a tree, whose root has an empty name. */
export function flatten(root: TreeNode): Uint8Array {
  const writer = new Writer();
  writer.node(root);
  writer.end();
  const structureOffset = headerBytes + reservationBytes;
  const stringsOffset = structureOffset + writer.structure.length;
  const total = stringsOffset + writer.strings.length;
  const header = cells([
    magic,
    total,
    structureOffset,
    stringsOffset,
    headerBytes,
    version,
    lastCompatibleVersion,
    0, // Boot hart.
    writer.strings.length,
    writer.structure.length,
  ]);
  const blob = new Uint8Array(total);
  blob.set(header);
  blob.set(writer.structure, structureOffset);
  blob.set(writer.strings, stringsOffset);
  return blob;
}
