/** Which files of the unpacked packages go onto the disk. */

/** One file, folder or link of the disk image. */
export interface DiskEntry {
  /** From the root, without a leading slash. */
  readonly path: string;
  readonly type: "folder" | "file" | "link";
  readonly mode: number;
  /** A file's place on this host, or a link's target. */
  readonly source: string;
}

/** What programs need at run time: no documentation, firmware, modules or character set tables. */
const TAKEN = [
  /^usr\/bin\/[^/]+$/,
  /^usr\/lib\/[^/]*\.so[^/]*$/,
  /^usr\/lib\/riscv64-linux-gnu\/[^/]*\.so[^/]*$/,
];

/** Suites whose packages do not know of the merged /usr yet. */
const MERGED = /^(bin|sbin|lib)\//;

/** Lists the disk's files, with the folders above each, in a fixed order. */
export async function diskFiles(root: string): Promise<readonly DiskEntry[]> {
  const entries = new Map<string, DiskEntry>();
  for await (const [from, entry] of walk(root, "")) {
    const path = MERGED.test(from) ? `usr/${from}` : from;
    if (!TAKEN.some((pattern) => pattern.test(path))) continue;
    const source = `${root}/${from}`;
    entries.set(
      path,
      entry.isSymlink
        ? { path, type: "link", mode: 0o777, source: await Deno.readLink(source) }
        : { path, type: "file", mode: (await Deno.stat(source)).mode! & 0o777, source },
    );
  }
  for (const path of [...entries.keys()]) {
    for (let end = path.indexOf("/"); end !== -1; end = path.indexOf("/", end + 1)) {
      const folder = path.slice(0, end);
      entries.set(folder, { path: folder, type: "folder", mode: 0o755, source: "" });
    }
  }
  return [...entries.values()].sort((a, b) => a.path < b.path ? -1 : 1);
}

async function* walk(root: string, below: string): AsyncGenerator<[string, Deno.DirEntry]> {
  for await (const entry of Deno.readDir(`${root}/${below}`)) {
    const path = `${below}${entry.name}`;
    if (entry.isDirectory) yield* walk(root, `${path}/`);
    else yield [path, entry];
  }
}
