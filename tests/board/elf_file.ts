/** Makes ELF files for tests. */

export interface ElfSegment {
  readonly type?: number;
  readonly address: number;
  readonly data: Uint8Array;
  readonly memoryBytes?: number;
}

/** A 64-bit RISC-V executable with these segments. */
export function elfFile(entry: number, segments: readonly ElfSegment[]): Uint8Array {
  const headers = 64 + 56 * segments.length;
  const total = segments.reduce((sum, { data }) => sum + data.length, headers);
  const file = new Uint8Array(total);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 243, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(entry), true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  let at = headers;
  segments.forEach(({ type = 1, address, data, memoryBytes = data.length }, index) => {
    const header = 64 + 56 * index;
    view.setUint32(header, type, true);
    view.setBigUint64(header + 8, BigInt(at), true);
    // The virtual address is elsewhere: only the physical one counts.
    view.setBigUint64(header + 16, 0xffff_ffff_0000_0000n, true);
    view.setBigUint64(header + 24, BigInt(address), true);
    view.setBigUint64(header + 32, BigInt(data.length), true);
    view.setBigUint64(header + 40, BigInt(memoryBytes), true);
    file.set(data, at);
    at += data.length;
  });
  return file;
}
