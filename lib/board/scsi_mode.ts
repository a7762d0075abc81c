/** MODE SENSE (6) and (10) of a disk (SPC-4, sections 6.13, 6.14 and 7.5; SBC-3, section 6.5). */
import type { DiskConfiguration } from "./configuration.ts";
import { type Sense, senses } from "./scsi_sense.ts";

/** Read-write error recovery: automatic reallocation of writes and reads. */
function errorRecovery(): Uint8Array {
  const page = new Uint8Array(12);
  page.set([0x01, 10, 0xc0]);
  return page;
}

/** Caching: the write cache is on, a flush makes writes durable. */
function caching(): Uint8Array {
  const page = new Uint8Array(20);
  page.set([0x08, 18, 0x04]);
  return page;
}

/** Control: commands may be reordered. */
function control(): Uint8Array {
  const page = new Uint8Array(12);
  page.set([0x0a, 10, 0, 0x10]);
  return page;
}

const pages: ReadonlyMap<number, () => Uint8Array> = new Map([
  [0x01, errorRecovery],
  [0x08, caching],
  [0x0a, control],
]);

const allPages = 0x3f;
const pageControl = { changeable: 1, saved: 3 } as const;

/** The pages asked for; of the changeable values, which there are none of, only the headers. */
function selectPages(code: number, changeable: boolean): Uint8Array | undefined {
  const chosen = code === allPages ? [...pages.values()] : [pages.get(code)];
  const data: number[] = [];
  for (const make of chosen) {
    if (make === undefined) return undefined;
    const page = make();
    if (changeable) page.fill(0, 2);
    data.push(...page);
  }
  return Uint8Array.from(data);
}

/** Short block descriptor: sectors (or all ones) and their size. */
function blockDescriptor(disk: DiskConfiguration): Uint8Array {
  const descriptor = new Uint8Array(8);
  const view = new DataView(descriptor.buffer);
  view.setUint32(0, Math.min(disk.sectors, 0xff_ffff));
  view.setUint8(0, 0); // Density code; the count has 24 bits.
  view.setUint32(4, 512);
  return descriptor;
}

/** Answers MODE SENSE; `cdb` is that of the (6) or (10) form. */
export function modeSense(
  disk: DiskConfiguration,
  cdb: Uint8Array,
): { readonly data: Uint8Array } | { readonly sense: Sense } {
  const long = cdb[0] === 0x5a;
  const which = cdb[2]! >>> 6;
  const subpage = cdb[3]!;
  if (which === pageControl.saved) return { sense: senses.savingNotSupported };
  const code = cdb[2]! & 0x3f;
  const body = selectPages(code, which === pageControl.changeable);
  if (body === undefined || (subpage !== 0 && !(subpage === 0xff && code === allPages))) {
    return { sense: senses.invalidField };
  }
  const descriptor = (cdb[1]! & 0x08) !== 0 ? new Uint8Array(0) : blockDescriptor(disk);
  const specific = disk.readOnly === true ? 0x80 : 0;
  const header = new Uint8Array(long ? 8 : 4);
  const length = header.length + descriptor.length + body.length;
  if (long) {
    header.set([(length - 2) >>> 8, (length - 2) & 0xff, 0, specific, 0, 0, 0, descriptor.length]);
  } else {
    header.set([length - 1, 0, specific, descriptor.length]);
  }
  return { data: Uint8Array.of(...header, ...descriptor, ...body) };
}
