/** What a kernel module says of itself: the strings of its `.modinfo` section (kernel: linux/module.h). */

/** A module's own words. */
export interface ModuleInformation {
  /** Its name, with underscores, as `lsmod` shows it. */
  readonly name: string;
  /** Names of modules that must be loaded before it. */
  readonly depends: readonly string[];
}

/** Offsets in a 64-bit ELF header and in a section header. */
const header = { sections: 0x28, sectionBytes: 0x3a, sectionCount: 0x3c, namesIndex: 0x3e };
const section = { name: 0x00, offset: 0x18, bytes: 0x20 };

/** Reads the section `.modinfo` of an ELF object. */
export function moduleInformation(content: Uint8Array): ModuleInformation {
  const words = text(sectionContent(content, ".modinfo")).split("\0");
  const value = (key: string) =>
    words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1) ?? "";
  return { name: value("name"), depends: value("depends").split(",").filter(Boolean) };
}

function sectionContent(content: Uint8Array, wanted: string): Uint8Array {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  if (view.getUint32(0) !== 0x7f454c46) throw new RangeError("A kernel module is no ELF object");
  const table = Number(view.getBigUint64(header.sections, true));
  const place = (index: number) => table + index * view.getUint16(header.sectionBytes, true);
  const body = (index: number) => {
    const offset = Number(view.getBigUint64(place(index) + section.offset, true));
    const bytes = Number(view.getBigUint64(place(index) + section.bytes, true));
    return content.subarray(offset, offset + bytes);
  };
  const names = body(view.getUint16(header.namesIndex, true));
  for (let index = 0; index < view.getUint16(header.sectionCount, true); index += 1) {
    const from = view.getUint32(place(index) + section.name, true);
    if (text(names.subarray(from, names.indexOf(0, from))) === wanted) return body(index);
  }
  throw new RangeError(`A kernel module has no section ${wanted}`);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
