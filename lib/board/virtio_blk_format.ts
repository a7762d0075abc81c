/** What virtio-blk requests and its configuration space consist of (virtio 1.2, sections 5.2.3 to 5.2.6). */
import type { DiskConfiguration } from "./configuration.ts";
import { maximumTransferSectors, maximumUnmapSectors } from "./scsi_inquiry.ts";
import { maximumQueueSize } from "./virtqueue.ts";

/** Feature bits (section 5.2.3). */
export const blkFeature = {
  sizeMax: 1 << 1,
  segMax: 1 << 2,
  readOnly: 1 << 5,
  blockSize: 1 << 6,
  flush: 1 << 9,
  topology: 1 << 10,
  discard: 1 << 13,
  writeZeroes: 1 << 14,
} as const;

/** Request types (section 5.2.6). */
export const blkType = {
  in: 0,
  out: 1,
  flush: 4,
  getId: 8,
  discard: 11,
  writeZeroes: 13,
} as const;

/** Values of the status byte. */
export const blkStatus = { ok: 0, ioError: 1, unsupported: 2 } as const;

/** Bytes of a request before its data: type, a reserved word, sector. */
export const blkHeaderBytes = 16;

/** Bytes of the answer to GET_ID; a shorter id ends with a zero. */
export const blkIdBytes = 20;

/** Bytes of one segment of a discard or write-zeroes request. */
export const blkRangeBytes = 16;

/** The only flag of such a segment. */
export const blkUnmapFlag = 1;

/** Most segments of one discard or write-zeroes request. */
export const maximumBlkRanges = 16;

/** Descriptors of a request that hold data: all but those of its header and its status. */
const segments = maximumQueueSize - 2;

/** Bytes of a segment, so that the largest request stays within what one operation transfers. */
const segmentBytes = 8192;

/** Most sectors of one read or write. */
export const maximumBlkSectors: number = Math.min(
  maximumTransferSectors,
  segments * segmentBytes / 512,
);

/** The features that a disk offers. */
export function blkFeatures({ readOnly }: DiskConfiguration): number {
  const { sizeMax, segMax, blockSize, flush, topology, discard, writeZeroes } = blkFeature;
  const common = sizeMax | segMax | blockSize | topology;
  return common | (readOnly === true ? blkFeature.readOnly : flush | discard | writeZeroes);
}

/** The configuration space (section 5.2.4). */
export function blkConfiguration({ sectors }: DiskConfiguration): Uint8Array {
  const space = new Uint8Array(60);
  const view = new DataView(space.buffer);
  view.setBigUint64(0, BigInt(sectors), true); // capacity
  view.setUint32(8, segmentBytes, true); // size_max
  view.setUint32(12, segments, true); // seg_max
  view.setUint32(20, 512, true); // blk_size
  // Topology: a page of the host, of which writing a part costs more.
  view.setUint8(24, 3); // physical_block_exp
  view.setUint16(26, 8, true); // min_io_size
  view.setUint16(34, 1, true); // num_queues
  view.setUint32(36, maximumUnmapSectors, true); // max_discard_sectors
  view.setUint32(40, maximumBlkRanges, true); // max_discard_seg
  view.setUint32(44, 8, true); // discard_sector_alignment
  view.setUint32(48, maximumUnmapSectors, true); // max_write_zeroes_sectors
  view.setUint32(52, maximumBlkRanges, true); // max_write_zeroes_seg
  view.setUint8(56, 0); // write_zeroes_may_unmap: zeros are written
  return space;
}
