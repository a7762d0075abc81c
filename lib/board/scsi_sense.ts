/** SCSI status and sense data (SPC-4, sections 4.5 and 4.4.1). */

/** Status codes that the disks answer with. */
export const scsiStatus = { good: 0x00, checkCondition: 0x02 } as const;

/** Sense key, additional sense code and its qualifier. */
export interface Sense {
  /** Sense key. */
  readonly key: number;
  /** Additional sense code. */
  readonly code: number;
  /** Additional sense code qualifier. */
  readonly qualifier: number;
}

/** What can be wrong. */
export const senses = {
  none: { key: 0x0, code: 0x00, qualifier: 0x00 },
  /** MEDIUM ERROR, unrecovered read error. */
  readError: { key: 0x3, code: 0x11, qualifier: 0x00 },
  /** MEDIUM ERROR, write error. */
  writeError: { key: 0x3, code: 0x0c, qualifier: 0x00 },
  /** ILLEGAL REQUEST, invalid command operation code. */
  invalidOperation: { key: 0x5, code: 0x20, qualifier: 0x00 },
  /** ILLEGAL REQUEST, logical block address out of range. */
  outOfRange: { key: 0x5, code: 0x21, qualifier: 0x00 },
  /** ILLEGAL REQUEST, invalid field in CDB. */
  invalidField: { key: 0x5, code: 0x24, qualifier: 0x00 },
  /** ILLEGAL REQUEST, logical unit not supported. */
  noLogicalUnit: { key: 0x5, code: 0x25, qualifier: 0x00 },
  /** ILLEGAL REQUEST, parameter list length error. */
  parameterLength: { key: 0x5, code: 0x1a, qualifier: 0x00 },
  /** ILLEGAL REQUEST, invalid field in parameter list. */
  invalidParameter: { key: 0x5, code: 0x26, qualifier: 0x00 },
  /** ILLEGAL REQUEST, saving parameters not supported. */
  savingNotSupported: { key: 0x5, code: 0x39, qualifier: 0x00 },
  /** UNIT ATTENTION, power on, reset, or bus device reset occurred: the uncertain interrupt. */
  resetOccurred: { key: 0x6, code: 0x29, qualifier: 0x00 },
  /** DATA PROTECT, write protected. */
  writeProtected: { key: 0x7, code: 0x27, qualifier: 0x00 },
  /** DATA PROTECT, space allocation failed write protect. */
  spaceAllocationFailed: { key: 0x7, code: 0x27, qualifier: 0x07 },
} as const satisfies { readonly [name: string]: Sense };

/** Sense data in fixed format, 18 bytes (SPC-4, table 52). */
export function fixedSense({ key, code, qualifier }: Sense): Uint8Array {
  const data = new Uint8Array(18);
  data[0] = 0x70;
  data[2] = key;
  data[7] = data.length - 8;
  data[12] = code;
  data[13] = qualifier;
  return data;
}

/** Sense data in descriptor format without descriptors, 8 bytes (SPC-4, table 27). */
export function descriptorSense({ key, code, qualifier }: Sense): Uint8Array {
  return Uint8Array.of(0x72, key, code, qualifier, 0, 0, 0, 0);
}
