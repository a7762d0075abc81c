/** INQUIRY data of a disk: standard data and vital product data (SPC-4, sections 6.6 and 7.8; SBC-3, 6.6). */
import { asciiBytes, paddedAscii } from "./ascii.ts";
import type { DiskConfiguration } from "./configuration.ts";

/** Most sectors of one read or write: 1 MiB. */
export const maximumTransferSectors = 2048;

/** Most sectors that one UNMAP may name: 2 GiB. */
export const maximumUnmapSectors = 2 ** 22;

/** Most sectors of one WRITE SAME: 1 MiB. */
export const maximumWriteSameSectors: number = maximumTransferSectors;

/** Most descriptors of one UNMAP. */
export const maximumUnmapDescriptors = 255;

const vendor = "LOCKSTEP";

/** Standard INQUIRY data, 36 bytes. */
export function standardInquiry(): Uint8Array {
  const data = new Uint8Array(36);
  data[2] = 0x05; // SPC-3, so that drivers ask for VPD pages and READ CAPACITY (16).
  data[3] = 0x12; // Hierarchical addressing, response data format 2.
  data[4] = data.length - 5;
  data[7] = 0x02; // Command queueing.
  data.set(paddedAscii(vendor, 8), 8);
  data.set(paddedAscii("DISK", 16), 16);
  data.set(paddedAscii("1", 4), 32);
  return data;
}

/** Standard INQUIRY data of a logical unit that is not there: qualifier 011b, type 1Fh. */
export function absentInquiry(): Uint8Array {
  const data = standardInquiry();
  data[0] = 0x7f;
  return data;
}

function designator(disk: DiskConfiguration): Uint8Array {
  const name = asciiBytes(vendor + disk.id);
  // ASCII, T10 vendor id based, associated with the logical unit (SPC-4, section 7.8.5.4).
  return Uint8Array.of(0x02, 0x01, 0, name.length, ...name);
}

function blockLimits(): Uint8Array {
  const page = new Uint8Array(60);
  const view = new DataView(page.buffer);
  // Offsets of SBC-3, table 171, less the page's header of 4.
  view.setUint8(0, 1); // WSNZ: WRITE SAME of no sectors does not mean all of them.
  view.setUint32(4, maximumTransferSectors);
  view.setUint32(16, maximumUnmapSectors);
  view.setUint32(20, maximumUnmapDescriptors);
  view.setUint32(24, 8); // Optimal unmap granularity: a page of the host.
  view.setBigUint64(32, BigInt(maximumWriteSameSectors));
  return page;
}

function blockDeviceCharacteristics(): Uint8Array {
  const page = new Uint8Array(60);
  page[1] = 1; // Does not rotate.
  return page;
}

function provisioning(): Uint8Array {
  // LBPU, LBPWS, LBPWS10, LBPRZ: UNMAP and both WRITE SAME unmap, what is unmapped reads as zeros. Thin.
  return Uint8Array.of(0, 0xe4, 2, 0);
}

const pages: ReadonlyMap<number, (disk: DiskConfiguration) => Uint8Array> = new Map([
  [0x80, (disk) => asciiBytes(disk.id)],
  [0x83, designator],
  [0xb0, blockLimits],
  [0xb1, blockDeviceCharacteristics],
  [0xb2, provisioning],
]);

/** A vital product data page, or nothing when there is no such page. */
export function vitalProductData(disk: DiskConfiguration, code: number): Uint8Array | undefined {
  const content = code === 0 ? Uint8Array.of(0, ...pages.keys()) : pages.get(code)?.(disk);
  if (content === undefined) return undefined;
  return Uint8Array.of(0, code, content.length >>> 8, content.length & 0xff, ...content);
}
