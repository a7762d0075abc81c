/** Makes RISC-V kernel images for tests. */

/** What the header says. */
export interface KernelHeader {
  readonly textOffset?: number | bigint;
  /** Bytes in memory; the file's own size by default. */
  readonly imageBytes?: number | bigint;
  readonly flags?: number;
  /** End of the one section of the EFI stub, in the file; without one by default. */
  readonly sectionEnd?: number;
}

/** Where the code stands: behind the header, at a page of its own. */
export const codeOffset = 0x1000;

/** An image that jumps to `code` behind its header. */
export function kernelFile(code: Uint8Array, header: KernelHeader = {}): Uint8Array {
  const file = new Uint8Array(codeOffset + code.length);
  const view = new DataView(file.buffer);
  view.setUint32(0, 0x0000_106f, true); // jal x0, 0x1000
  view.setBigUint64(8, BigInt(header.textOffset ?? 0x20_0000), true);
  view.setBigUint64(16, BigInt(header.imageBytes ?? file.length), true);
  view.setBigUint64(24, BigInt(header.flags ?? 0), true);
  view.setUint32(32, 2, true);
  file.set(new TextEncoder().encode("RISCV\0\0\0RSC\x05"), 48);
  if (header.sectionEnd !== undefined) {
    view.setUint32(60, 64, true);
    file.set(new TextEncoder().encode("PE\0\0"), 64);
    view.setUint16(70, 1, true);
    view.setUint32(88 + 16, header.sectionEnd - codeOffset, true);
    view.setUint32(88 + 20, codeOffset, true);
  }
  file.set(code, codeOffset);
  return file;
}
