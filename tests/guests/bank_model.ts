/**
 * A bank as the teller would leave it, made without the teller: for tests of the auditor. The format is
 * written out again here from `bank.h`, so that a mistake in the auditor's reader shows.
 */
import { crc32 } from "node:zlib";

const sectorBytes = 512;
const accounts = 16;
const opening = 1000;
const cash = 0xffff;

/** One transfer of a model bank. */
export interface Move {
  readonly from: number;
  readonly to: number | "cash";
  readonly amount: number;
}

/** What a session leaves behind. */
export interface Traces {
  readonly disk: Uint8Array;
  readonly bills: Uint8Array;
  readonly console: Uint8Array;
}

/** Byte offset of the journal record of transfer `sequence`. */
export const recordOffset = (sequence: number): number => (64 + sequence - 1) * sectorBytes;

/** Byte offset of the sector of an account. */
export const accountOffset = (number: number): number => (16 + number) * sectorBytes;

/** Writes a structure into its sector, with its checksum, and returns the checksum. */
export function writeSector(
  disk: Uint8Array,
  offset: number,
  kind: string,
  fields: readonly number[],
): number {
  const sector = disk.subarray(offset, offset + sectorBytes);
  sector.fill(0);
  sector.set(new TextEncoder().encode(kind));
  const view = new DataView(sector.buffer, sector.byteOffset, sectorBytes);
  fields.forEach((field, index) => view.setBigUint64(8 * (index + 1), BigInt(field), true));
  return seal(disk, offset);
}

/** Makes the checksum of a changed sector right again and returns it. */
export function seal(disk: Uint8Array, offset: number): number {
  const sector = disk.subarray(offset, offset + sectorBytes);
  const checksum = crc32(sector.subarray(0, 508));
  new DataView(sector.buffer, sector.byteOffset, sectorBytes).setUint32(508, checksum, true);
  return checksum;
}

/** Moves that are always possible in a model bank: transfers of 7 and a withdrawal of 180 each third. */
export function someMoves(count: number): Move[] {
  return Array.from({ length: count }, (_, index) => ({
    from: index % accounts,
    to: index % 3 === 2
      ? "cash"
      : (index * 5 + 3) % accounts === index % accounts
      ? (index + 1) % accounts
      : (index * 5 + 3) % accounts,
    amount: index % 3 === 2 ? 180 : 7,
  }));
}

/** One whole session from formatting to closing. */
export function bankAfter(moves: readonly Move[]): Traces {
  const disk = new Uint8Array(128 * sectorBytes);
  const balances = new Array<number>(accounts).fill(opening);
  const latest = new Array<number>(accounts).fill(0);
  const bills: string[] = [];
  const lines = [
    "[disk] MODEL DISK, 128 sectors",
    "teller: formatted 16 accounts of 1000, journal of 64 records",
    "teller: session 1 continues at transfer 1 bill 1",
  ];
  let chain = writeSector(disk, 0, "LSBANK01", [1, accounts, opening, 64]);
  moves.forEach(({ from, to, amount }, index) => {
    const sequence = index + 1;
    const firstBill = bills.length + 1;
    const fromBalance = balances[from]! - amount;
    balances[from] = fromBalance;
    latest[from] = sequence;
    let toBalance = 0;
    if (to === "cash") {
      let left = amount;
      for (const value of [100, 50, 20, 10]) {
        for (; left >= value; left -= value) {
          const number = String(bills.length + 1).padStart(7, "0");
          const transfer = String(sequence).padStart(7, "0");
          bills.push(
            `bill ${number} value ${String(value).padStart(3, "0")} transfer ${transfer}\n`,
          );
        }
      }
      lines.push(
        `receipt ${sequence} client 0 from ${from} to cash amount ${amount} ` +
          `bills ${firstBill}-${bills.length}`,
      );
    } else {
      toBalance = balances[to]! + amount;
      balances[to] = toBalance;
      latest[to] = sequence;
      lines.push(`receipt ${sequence} client 0 from ${from} to ${to} amount ${amount}`);
    }
    const count = bills.length + 1 - firstBill;
    chain = writeSector(disk, recordOffset(sequence), "LSRECORD", [
      ...[sequence, chain, 1, 0, from, to === "cash" ? cash : to, amount],
      ...[fromBalance, toBalance, count ? firstBill : 0, count, sequence * 1000],
    ]);
  });
  balances.forEach((balance, number) =>
    writeSector(disk, accountOffset(number), "LSACCONT", [number, balance, latest[number]!])
  );
  writeSector(disk, sectorBytes, "LSLEDGER", [2, 1, 0, 0]);
  writeSector(disk, 2 * sectorBytes, "LSLEDGER", [3, 1, moves.length, bills.length]);
  lines.push(`teller: closed at transfer ${moves.length} bill ${bills.length}`);
  const bytes = (text: string) => new TextEncoder().encode(text);
  return { disk, bills: bytes(bills.join("")), console: bytes(lines.join("\n") + "\n") };
}
