/**
 * Reads the teller's disk. The format is described in `bank.h`, which the guest cites too.
 *
 * @module
 */

import { billValues } from "./bills.ts";

const sectorBytes = 512;
const checkedBytes = 508;
const bankSector = 0;
const ledgerSectors = [1, 2] as const;
const accountSector = 16;
const journalSector = 64;

/** The account number that means "paid out as bills". */
export const cash = 0xffff;

/** The bank sector: what the disk was formatted with. Balances and amounts have no unit. */
export interface Bank {
  /** Time of day of formatting, in nanoseconds since 1970. */
  readonly identity: bigint;
  /** Number of accounts. */
  readonly accounts: number;
  /** Balance of each account at formatting. */
  readonly openingBalance: number;
  /** Capacity of the journal. */
  readonly journalRecords: number;
  /** CRC-32 of the sector: what the first record's `previous` must be. */
  readonly checksum: number;
}

/** The valid ledger sector with the highest generation. */
export interface Ledger {
  /** Counts the writes of ledger sectors. */
  readonly generation: number;
  /** Counts the boots of the bank. */
  readonly session: number;
  /** Every transfer up to this sequence has its bills paid and its receipt printed. */
  readonly settled: number;
  /** Number of the last bill of those transfers. */
  readonly settledBills: number;
}

/** An account sector. */
export interface Account {
  /** Its number, from 0. */
  readonly number: number;
  /** Money in it. */
  readonly balance: number;
  /** Sequence of the last transfer in the balance, 0 for none. */
  readonly latest: number;
}

/** A journal record: one transfer. */
export interface Transfer {
  /** 1, 2, 3, … over all sessions. */
  readonly sequence: number;
  /** CRC-32 of the record before. */
  readonly previous: number;
  /** The boot that made it. */
  readonly session: number;
  /** The simulated client that ordered it. */
  readonly client: number;
  /** The account that pays. */
  readonly from: number;
  /** An account, or {@linkcode cash}. */
  readonly to: number;
  /** Money moved. */
  readonly amount: number;
  /** Balance of `from` after the transfer. */
  readonly fromBalance: number;
  /** Balance of `to` after the transfer, 0 for a withdrawal. */
  readonly toBalance: number;
  /** Number of the first bill of a withdrawal. */
  readonly firstBill: number;
  /** How many bills it is paid in. */
  readonly bills: number;
  /** Time of the transfer, in ticks of 100 ns. */
  readonly ticks: number;
  /** CRC-32 of this record. */
  readonly checksum: number;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 of Ethernet and zip (ITU-T V.42, section 8.1.1.6.2). */
export function checksum32(data: Uint8Array): number {
  let checksum = 0xffffffff;
  for (const byte of data) {
    checksum = (checksum >>> 8) ^ (crcTable[(checksum ^ byte) & 0xff] ?? 0);
  }
  return ~checksum >>> 0;
}

/** The fields of one sector, or nothing when its kind or checksum is not right. */
function readSector(disk: Uint8Array, sector: number, kind: string) {
  const bytes = disk.subarray(sector * sectorBytes, (sector + 1) * sectorBytes);
  if (bytes.length < sectorBytes) return undefined;
  if (String.fromCharCode(...bytes.subarray(0, 8)) !== kind) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const checksum = view.getUint32(checkedBytes, true);
  if (checksum !== checksum32(bytes.subarray(0, checkedBytes))) return undefined;
  const wide = (field: number): bigint => view.getBigUint64(field * 8, true);
  return { checksum, wide, number: (field: number): number => Number(wide(field)) };
}

/** The bank sector, or nothing when the disk holds no bank. */
export function readBank(disk: Uint8Array): Bank | undefined {
  const sector = readSector(disk, bankSector, "LSBANK01");
  return sector && {
    identity: sector.wide(1),
    accounts: sector.number(2),
    openingBalance: sector.number(3),
    journalRecords: sector.number(4),
    checksum: sector.checksum,
  };
}

/** The ledger that counts, or nothing when neither sector is valid. */
export function readLedger(disk: Uint8Array): Ledger | undefined {
  let latest: Ledger | undefined;
  for (const position of ledgerSectors) {
    const sector = readSector(disk, position, "LSLEDGER");
    if (sector === undefined || sector.number(1) <= (latest?.generation ?? 0)) continue;
    latest = {
      generation: sector.number(1),
      session: sector.number(2),
      settled: sector.number(3),
      settledBills: sector.number(4),
    };
  }
  return latest;
}

/** The sector of account `number`, or nothing when it is not valid. */
export function readAccount(disk: Uint8Array, number: number): Account | undefined {
  const sector = readSector(disk, accountSector + number, "LSACCONT");
  if (sector === undefined || sector.number(1) !== number) return undefined;
  return { number, balance: sector.number(2), latest: sector.number(3) };
}

/** The record at the place of transfer `sequence`, whatever it holds; nothing when it is not valid. */
export function readTransfer(disk: Uint8Array, sequence: number): Transfer | undefined {
  const sector = readSector(disk, journalSector + sequence - 1, "LSRECORD");
  return sector && {
    sequence: sector.number(1),
    previous: sector.number(2),
    session: sector.number(3),
    client: sector.number(4),
    from: sector.number(5),
    to: sector.number(6),
    amount: sector.number(7),
    fromBalance: sector.number(8),
    toBalance: sector.number(9),
    firstBill: sector.number(10),
    bills: sector.number(11),
    ticks: sector.number(12),
    checksum: sector.checksum,
  };
}

/** The receipt line of a transfer, without the newline, as the guest prints it. */
export function receiptLine(transfer: Transfer): string {
  const { sequence, client, from, to, amount, firstBill, bills } = transfer;
  const start = `receipt ${sequence} client ${client} from ${from} to`;
  return to === cash
    ? `${start} cash amount ${amount} bills ${firstBill}-${firstBill + bills - 1}`
    : `${start} ${to} amount ${amount}`;
}

/** The values of a transfer's bills, none when it is not a withdrawal. */
export function billValuesOf(transfer: Transfer): number[] {
  return transfer.to === cash ? billValues(transfer.amount) : [];
}
