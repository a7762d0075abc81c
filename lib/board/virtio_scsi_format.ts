/** What both kinds of virtio-scsi requests have in common (virtio 1.2, section 5.6.6). */

/** Response codes (section 5.6.6.1). */
export const scsiResponse = {
  ok: 0,
  overrun: 1,
  aborted: 2,
  badTarget: 3,
  reset: 4,
  failure: 9,
  functionSucceeded: 10,
  functionRejected: 11,
  incorrectLun: 12,
} as const;

/** Where a LUN field of a request points to. */
export interface Address {
  /** Target number, or undefined when the field does not name a target of this controller. */
  readonly target: number | undefined;
  /** Logical unit number, 14 bits. */
  readonly lun: number;
}

/** Decodes the 8-byte LUN field (section 5.6.6.1, single level addressing). */
export function addressOf(field: DataView, disks: number): Address {
  const format = field.getUint8(2);
  const lun = field.getUint16(2) & 0x3fff;
  const target = field.getUint8(1);
  const named = field.getUint8(0) === 1 && (format === 0 || (format & 0xc0) === 0x40);
  return { target: named && target < disks ? target : undefined, lun };
}
