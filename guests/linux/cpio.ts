/** The initial file system's format: cpio "newc" (kernel: driver-api/early-userspace/buffer-format). */

/** Bits of a file's mode that say what it is. */
const TYPES = { file: 0o100000, folder: 0o040000, link: 0o120000, character: 0o020000 } as const;

/** One thing in a file system. */
export interface TreeEntry {
  /** From the root, without a leading slash. */
  readonly path: string;
  readonly type: keyof typeof TYPES;
  /** Permission bits. */
  readonly mode: number;
  /** A file's bytes, or a link's target. */
  readonly content?: Uint8Array;
  /** A character device's major and minor number. */
  readonly device?: readonly [number, number];
}

/** Everything that depends on the host (owners, times, inode numbers) is fixed. */
export function cpioArchive(entries: readonly TreeEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  entries.forEach((entry, index) => {
    parts.push(...member(index + 1, TYPES[entry.type] | entry.mode, entry));
  });
  parts.push(...member(0, 0, { path: "TRAILER!!!" }));
  const archive = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    archive.set(part, offset);
    offset += part.length;
  }
  return archive;
}

function member(
  inode: number,
  mode: number,
  { path, content = new Uint8Array(), device = [0, 0] }: Pick<
    TreeEntry,
    "path" | "content" | "device"
  >,
): readonly Uint8Array[] {
  const name = new TextEncoder().encode(`${path}\0`);
  const [user, group, links, time, major, minor, checksum] = [0, 0, 1, 0, 0, 0, 0];
  const numbers = [
    ...[inode, mode, user, group, links, time, content.length],
    ...[major, minor, ...device, name.length, checksum],
  ];
  const digits = numbers.map((number) => number.toString(16).toUpperCase().padStart(8, "0"));
  const header = new TextEncoder().encode(`070701${digits.join("")}`);
  return [header, name, padding(header.length + name.length), content, padding(content.length)];
}

/** Name and content end at multiples of four bytes. */
function padding(length: number): Uint8Array {
  return new Uint8Array(-length & 3);
}
