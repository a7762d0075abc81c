/**
 * The auditor of the teller's bank: from the disk, the bill file and the console it proves that no money
 * was made or lost, no transfer lost or doubled, no bill paid twice or missing, no receipt missing.
 *
 * The journal is the reference: each transfer's record must follow from the one before, account sectors
 * must agree with the journal replayed from the opening balances, and bills and receipts must be those
 * that the journal's records call for. Formats: `bank.h` (disk), `bills.h` (bill file).
 *
 * @module
 */

import {
  type Bank,
  billValuesOf,
  cash,
  type Ledger,
  readAccount,
  readBank,
  readLedger,
  readTransfer,
  receiptLine,
  type Transfer,
} from "./bank.ts";
import { type Bill, billBytes, billLine, parseBill } from "./bills.ts";
import { readConsole, type Session } from "./console.ts";

/** What the auditor is shown. */
export interface Evidence {
  /** The whole disk image. */
  readonly disk: Uint8Array;
  /** The whole bill file, from position 0. */
  readonly bills: Uint8Array;
  /** Everything on the console. */
  readonly console: Uint8Array;
  /**
   * Whether the console takes positions (a file) and so must show each byte once; the default. A plain
   * terminal or pipe may repeat the last lines after a failover.
   */
  readonly consoleExactlyOnce?: boolean;
}

/** What a finding is about. */
export type FindingKind =
  | "bank"
  | "journal"
  | "money"
  | "account"
  | "ledger"
  | "bill"
  | "receipt"
  | "console";

/** One thing that is not as it must be. */
export interface Finding {
  /** What it is about. */
  readonly kind: FindingKind;
  /** One sentence that names the place. */
  readonly detail: string;
}

/** The result of an audit: figures, and findings if there are any. */
export interface AuditVerdict {
  /** Nothing was found. */
  readonly sound: boolean;
  /** Everything that is not as it must be. */
  readonly findings: readonly Finding[];
  /** Whether the guest closed its session; if not, the latest transfers may be unsettled. */
  readonly finished: boolean;
  /** Transfers in the journal. */
  readonly transfers: number;
  /** Bills in the bill file. */
  readonly bills: number;
  /** Money that has left the accounts as bills, over all sessions. */
  readonly paidOut: number;
  /** Money in the accounts, by the journal. */
  readonly inAccounts: number;
  /** Money that the bank opened with. */
  readonly opening: number;
  /** Distinct receipts on the console. */
  readonly receipts: number;
}

/** Audits one bank. Pure: no clock, no files. */
export function audit(evidence: Evidence): AuditVerdict {
  const findings: Finding[] = [];
  const report = (kind: FindingKind, detail: string) => void findings.push({ kind, detail });
  const bank = readBank(evidence.disk);
  if (bank === undefined) {
    report("bank", "The disk holds no bank: sector 0 is not a valid bank sector");
    return {
      ...{ sound: false, findings, finished: false, transfers: 0, bills: 0, paidOut: 0 },
      ...{ inAccounts: 0, opening: 0, receipts: 0 },
    };
  }
  const ledger = readLedger(evidence.disk);
  const journal = replayJournal(evidence.disk, bank, report);
  const { transfers } = journal;
  const exactlyOnce = evidence.consoleExactlyOnce ?? true;
  const session = readConsole(evidence.console, transfers.map(receiptLine), exactlyOnce, report);
  const settled = Math.max(ledger?.settled ?? 0, ...session.receipts);
  checkLedger(ledger, journal, session, evidence.disk, report);
  checkAccounts(evidence.disk, bank, journal, session.finished ? Infinity : settled, report);
  checkReceipts(session, transfers, ledger?.settled ?? 0, report);
  const bills = checkBills(evidence.bills, session, transfers, settled, report);
  const inAccounts = journal.balances.reduce((sum, balance) => sum + balance, 0);
  const opening = bank.accounts * bank.openingBalance;
  if (inAccounts + journal.paidOut !== opening) {
    const sum = `${inAccounts} in accounts and ${journal.paidOut} paid out`;
    report("money", `The bank opened with ${opening}, the journal leads to ${sum}`);
  }
  return {
    sound: findings.length === 0,
    findings,
    finished: session.finished,
    transfers: transfers.length,
    bills,
    paidOut: journal.paidOut,
    inAccounts,
    opening,
    receipts: session.receipts.size,
  };
}

/** Reports one finding. */
type Report = (kind: FindingKind, detail: string) => void;

/** The journal and what it leads to. */
interface Journal {
  readonly transfers: readonly Transfer[];
  /** By account, after the last transfer. */
  readonly balances: readonly number[];
  /** By account: the balance after each transfer that touched it, by sequence; 0 is the opening. */
  readonly history: readonly ReadonlyMap<number, number>[];
  readonly paidOut: number;
  readonly bills: number;
}

function replayJournal(disk: Uint8Array, bank: Bank, report: Report): Journal {
  const transfers: Transfer[] = [];
  const balances = new Array<number>(bank.accounts).fill(bank.openingBalance);
  const history = balances.map((balance) => new Map([[0, balance]]));
  let paidOut = 0;
  let bills = 0;
  let chain = bank.checksum;
  for (let sequence = 1; sequence <= bank.journalRecords; sequence++) {
    const transfer = readTransfer(disk, sequence);
    if (transfer?.sequence !== sequence || transfer.previous !== chain) break;
    transfers.push(transfer);
    chain = transfer.checksum;
    const expectBalance = (account: number, change: number, stated: number) => {
      const before = balances[account];
      if (before === undefined) {
        report("journal", `Transfer ${sequence} names account ${account}, which does not exist`);
        return;
      }
      if (before + change !== stated || stated < 0) {
        const found = `${before} ${change < 0 ? "-" : "+"} ${transfer.amount} became ${stated}`;
        report("money", `Transfer ${sequence} is wrong for account ${account}: ${found}`);
      }
      balances[account] = stated;
      history[account]?.set(sequence, stated);
    };
    expectBalance(transfer.from, -transfer.amount, transfer.fromBalance);
    if (transfer.to === cash) {
      const count = billValuesOf(transfer).length;
      if (transfer.firstBill !== bills + 1 || transfer.bills !== count) {
        const found = `${transfer.bills} from ${transfer.firstBill}`;
        report(
          "bill",
          `Transfer ${sequence} calls for bills ${found}, not ${count} from ${bills + 1}`,
        );
      }
      bills += transfer.bills;
      paidOut += transfer.amount;
    } else {
      expectBalance(transfer.to, transfer.amount, transfer.toBalance);
    }
  }
  return { transfers, balances, history, paidOut, bills };
}

function checkLedger(
  ledger: Ledger | undefined,
  journal: Journal,
  session: Session,
  disk: Uint8Array,
  report: Report,
): void {
  const end = journal.transfers.length;
  if (ledger === undefined) {
    /* The first session writes the ledger before it makes transfers. */
    if (end > 0 || session.finished) report("ledger", "Neither ledger sector is valid");
    return;
  }
  const known = Math.max(ledger.settled, session.closedAt ?? 0);
  if (known > end) {
    const there = readTransfer(disk, end + 1);
    const reason = there === undefined
      ? "is not a valid record"
      : "does not follow from the one before";
    report("journal", `Transfers ${end + 1} to ${known} are lost: record ${end + 1} ${reason}`);
  }
  if (session.closedAt !== undefined && session.closedAt < end) {
    report(
      "journal",
      `The bank closed at transfer ${session.closedAt}, the journal goes on to ${end}`,
    );
  }
  if (session.finished && ledger.settled !== session.closedAt) {
    report(
      "ledger",
      `The bank closed at transfer ${session.closedAt}, its ledger says ${ledger.settled}`,
    );
  }
  const transfers = journal.transfers.slice(0, ledger.settled);
  const bills = transfers.reduce((sum, transfer) => sum + transfer.bills, 0);
  if (ledger.settled <= end && ledger.settledBills !== bills) {
    const found = `${ledger.settledBills} bills at transfer ${ledger.settled}`;
    report("ledger", `The ledger counts ${found}, the journal ${bills}`);
  }
}

/** Account sectors may lag behind the journal only by transfers after `settled`. */
function checkAccounts(
  disk: Uint8Array,
  bank: Bank,
  journal: Journal,
  settled: number,
  report: Report,
): void {
  for (let number = 0; number < bank.accounts; number++) {
    const account = readAccount(disk, number);
    if (account === undefined) {
      report("account", `The sector of account ${number} is not valid`);
      continue;
    }
    const history = journal.history[number] ?? new Map<number, number>();
    const expected = history.get(account.latest);
    if (expected !== account.balance) {
      const found = `${account.balance} after transfer ${account.latest}`;
      report(
        "account",
        `Account ${number} holds ${found}, by the journal ${expected ?? "no such state"}`,
      );
    }
    const missed = [...history.keys()].find((sequence) =>
      sequence > account.latest && sequence <= settled
    );
    if (missed !== undefined) {
      report("account", `Account ${number} has not got transfer ${missed}, which is settled`);
    }
  }
}

function checkReceipts(
  session: Session,
  transfers: readonly Transfer[],
  settled: number,
  report: Report,
): void {
  const last = session.finished ? transfers.length : settled;
  for (let sequence = session.firstTransfer; sequence <= last; sequence++) {
    if (!session.receipts.has(sequence)) {
      report("receipt", `The receipt of transfer ${sequence} is missing`);
    }
  }
}

/** Compares the bill file with the bills that the journal calls for; returns how many it holds. */
function checkBills(
  file: Uint8Array,
  session: Session,
  transfers: readonly Transfer[],
  settled: number,
  report: Report,
): number {
  const expected: Bill[] = [];
  let due = 0;
  for (const transfer of transfers.slice(session.firstTransfer - 1)) {
    if (session.uncertain.has(transfer.sequence)) continue;
    billValuesOf(transfer).forEach((value, index) =>
      expected.push({ number: transfer.firstBill + index, value, transfer: transfer.sequence })
    );
    if (session.finished || transfer.sequence <= settled) due = expected.length;
  }
  const promised = new Map(expected.map((bill) => [bill.number, bill]));
  const paid = new Set<number>();
  const text = new TextDecoder("latin1").decode(file);
  let inOrder = true;
  for (let at = 0; at < text.length; at += billBytes) {
    const line = text.slice(at, at + billBytes);
    const bill = parseBill(line);
    /* Bills of a cut-off session are paid in any order: what was not yet paid is a hole. */
    const mayBeHole = !session.finished && at / billBytes >= due;
    if (mayBeHole && /^\0+$/.test(line)) continue;
    if (bill === undefined) {
      report(
        "bill",
        `There is no bill at position ${at} of the bill file: ${JSON.stringify(line)}`,
      );
      continue;
    }
    const promise = promised.get(bill.number);
    if (paid.has(bill.number)) {
      report("bill", `Bill ${bill.number} was paid twice, again at position ${at}`);
    } else if (promise === undefined || billLine(promise) !== line) {
      report("bill", `The journal does not call for "${line.trimEnd()}" at position ${at}`);
    }
    paid.add(bill.number);
    inOrder &&= expected[at / billBytes]?.number === bill.number;
  }
  for (const bill of expected.slice(0, due)) {
    if (paid.has(bill.number)) continue;
    report(
      "bill",
      `Bill ${bill.number} of transfer ${bill.transfer} (value ${bill.value}) is missing`,
    );
  }
  const allThere = expected.slice(0, paid.size).every((bill) => paid.has(bill.number));
  if (!inOrder && allThere) report("bill", "The bills are not in the order of their numbers");
  return paid.size;
}

/** The verdict as lines for people. */
export function renderVerdict(verdict: AuditVerdict): string[] {
  const { transfers, bills, receipts, inAccounts, paidOut, opening, findings } = verdict;
  const lines = [
    `auditor: ${transfers} transfers in the journal${
      verdict.finished ? "" : ", session not closed"
    }`,
    `auditor: ${inAccounts} in accounts + ${paidOut} paid out, opened with ${opening}`,
    `auditor: ${bills} bills, ${receipts} receipts`,
    ...findings.map(({ kind, detail }) => `auditor: ${kind}: ${detail}`),
  ];
  lines.push(
    verdict.sound
      ? "auditor: SOUND, no money made or lost, no transfer lost or doubled, every bill once, every receipt there"
      : `auditor: NOT SOUND, ${findings.length} finding${findings.length === 1 ? "" : "s"}`,
  );
  return lines;
}
