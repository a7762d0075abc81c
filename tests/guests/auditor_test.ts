import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { audit, type AuditVerdict, renderVerdict } from "../../guests/teller/auditor.ts";
import {
  accountOffset,
  bankAfter,
  recordOffset,
  seal,
  someMoves,
  type Traces,
  writeSector,
} from "./bank_model.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);
const setField = (disk: Uint8Array, offset: number, field: number, value: number) =>
  new DataView(disk.buffer).setBigUint64(offset + 8 * field, BigInt(value), true);

/** Audits the traces of 12 transfers (4 of them withdrawals of 100 + 50 + 20 + 10) after `tamper`. */
function auditTampered(tamper: (traces: Traces) => Partial<Traces> | void): AuditVerdict {
  const traces = bankAfter(someMoves(12));
  return audit({ ...traces, ...tamper(traces) });
}

function assertFinds(verdict: AuditVerdict, kind: string, wording: RegExp) {
  assert(!verdict.sound);
  const found = verdict.findings.some((finding) =>
    finding.kind === kind && wording.test(finding.detail)
  );
  assert(found, `no ${kind} finding like ${wording}:\n${renderVerdict(verdict).join("\n")}`);
}

const editBills = (traces: Traces, edit: (lines: string[]) => string[]) => ({
  bills: bytes(edit(text(traces.bills).match(/[^\n]*\n/g)!).join("")),
});
const editConsole = (traces: Traces, edit: (lines: string[]) => string[]) => ({
  console: bytes(edit(text(traces.console).match(/[^\n]*\n/g)!).join("")),
});
const isReceipt = (sequence: number) => (line: string) => line.startsWith(`receipt ${sequence} `);

Deno.test("the auditor finds nothing in an untouched bank", () => {
  const verdict = auditTampered(() => {});
  assertEquals(verdict.findings, []);
  assertEquals(
    { ...verdict, findings: [] },
    {
      ...{ sound: true, findings: [], finished: true, transfers: 12, bills: 16, paidOut: 720 },
      ...{ inAccounts: 15280, opening: 16000, receipts: 12 },
    },
  );
  assert(renderVerdict(verdict).at(-1)!.startsWith("auditor: SOUND"));
});

Deno.test("the auditor finds nothing in a bank without transfers", () => {
  assert(audit(bankAfter([])).sound);
});

Deno.test("the auditor finds a disk without a bank", () => {
  assertFinds(auditTampered(() => ({ disk: new Uint8Array(65536) })), "bank", /no bank/);
});

Deno.test("the auditor finds a lost last transfer", () => {
  const verdict = auditTampered(({ disk }) =>
    void disk.fill(0, recordOffset(12), recordOffset(13))
  );
  assertFinds(verdict, "journal", /Transfers 12 to 12 are lost/);
  assertFinds(verdict, "receipt", /lost/);
});

Deno.test("the auditor finds a lost transfer in the middle", () => {
  const verdict = auditTampered(({ disk }) => void disk.fill(0, recordOffset(5), recordOffset(6)));
  assertFinds(verdict, "journal", /Transfers 5 to 12 are lost: record 5 is not a valid record/);
});

Deno.test("the auditor finds a transfer replaced by another one with a right checksum", () => {
  const verdict = auditTampered(({ disk }) => {
    setField(disk, recordOffset(5), 7, 8);
    seal(disk, recordOffset(5));
  });
  assertFinds(verdict, "journal", /record 6 does not follow/);
  assertFinds(verdict, "money", /Transfer 5 is wrong/);
});

Deno.test("the auditor finds a transfer that was done twice", () => {
  const verdict = auditTampered(({ disk }) => {
    disk.copyWithin(recordOffset(13), recordOffset(12), recordOffset(13));
    setField(disk, recordOffset(13), 1, 13);
    const last = new DataView(disk.buffer).getUint32(recordOffset(12) + 508, true);
    setField(disk, recordOffset(13), 2, last);
    seal(disk, recordOffset(13));
  });
  assertFinds(verdict, "money", /Transfer 13 is wrong/);
  assertFinds(verdict, "journal", /closed at transfer 12, the journal goes on to 13/);
});

Deno.test("the auditor finds money added to an account", () => {
  const verdict = auditTampered(({ disk }) => {
    setField(disk, accountOffset(3), 2, 5000);
    seal(disk, accountOffset(3));
  });
  assertFinds(verdict, "account", /Account 3 holds 5000/);
});

Deno.test("the auditor finds an account that missed a settled transfer", () => {
  const verdict = auditTampered(({ disk }) => {
    writeSector(disk, accountOffset(1), "LSACCONT", [1, 1000, 0]);
  });
  assertFinds(verdict, "account", /Account 1 has not got transfer/);
});

Deno.test("the auditor finds a damaged account sector", () => {
  const verdict = auditTampered(({ disk }) => void (disk[accountOffset(0) + 100]! ^= 1));
  assertFinds(verdict, "account", /sector of account 0 is not valid/);
});

Deno.test("the auditor finds a ledger that is not the journal's", () => {
  const stale = auditTampered(({ disk }) =>
    void writeSector(disk, 1024, "LSLEDGER", [3, 1, 11, 12])
  );
  assertFinds(stale, "ledger", /closed at transfer 12, its ledger says 11/);
  const bills = auditTampered(({ disk }) =>
    void writeSector(disk, 1024, "LSLEDGER", [3, 1, 12, 15])
  );
  assertFinds(bills, "ledger", /counts 15 bills at transfer 12, the journal 16/);
  assertFinds(auditTampered(({ disk }) => void disk.fill(0, 512, 1536)), "ledger", /Neither/);
});

Deno.test("the auditor finds a bill paid twice", () => {
  const verdict = auditTampered((traces) =>
    editBills(traces, (lines) => [...lines.slice(0, 5), lines[4]!, ...lines.slice(5)])
  );
  assertFinds(verdict, "bill", /Bill 5 was paid twice, again at position 200/);
});

Deno.test("the auditor finds a missing bill", () => {
  for (const missing of [0, 7, 15]) {
    const verdict = auditTampered((traces) =>
      editBills(traces, (lines) => lines.filter((_, index) => index !== missing))
    );
    assertFinds(verdict, "bill", new RegExp(`Bill ${missing + 1} of transfer \\d+ .* is missing`));
  }
});

Deno.test("the auditor finds a bill of another value and a bill nobody called for", () => {
  const other = auditTampered((traces) =>
    editBills(
      traces,
      (lines) => lines.map((line, i) => i === 2 ? line.replace("020", "100") : line),
    )
  );
  assertFinds(other, "bill", /does not call for "bill 0000003 value 100/);
  const extra = auditTampered((traces) =>
    editBills(traces, (lines) => [...lines, "bill 0000017 value 010 transfer 0000012\n"])
  );
  assertFinds(extra, "bill", /does not call for "bill 0000017/);
});

Deno.test("the auditor finds bills out of order and a torn bill", () => {
  const swapped = auditTampered((traces) =>
    editBills(traces, ([first, second, ...rest]) => [second!, first!, ...rest])
  );
  assertFinds(swapped, "bill", /not in the order/);
  const torn = auditTampered(({ bills }) => ({ bills: bills.subarray(0, bills.length - 3) }));
  assertFinds(torn, "bill", /no bill at position 600/);
  assertFinds(torn, "bill", /Bill 16 .* is missing/);
  const hole = auditTampered(({ bills }) => void bills.fill(0, 80, 120));
  assertFinds(hole, "bill", /no bill at position 80/);
});

Deno.test("the auditor finds a missing, a doubled and a changed receipt", () => {
  const missing = auditTampered((traces) =>
    editConsole(traces, (lines) => lines.filter((line) => !isReceipt(6)(line)))
  );
  assertFinds(missing, "receipt", /receipt of transfer 6 is missing/);
  const doubled = auditTampered((traces) =>
    editConsole(
      traces,
      (lines) => lines.flatMap((line) => isReceipt(6)(line) ? [line, line] : [line]),
    )
  );
  assertFinds(doubled, "receipt", /receipt of transfer 6 is there twice/);
  const changed = auditTampered((traces) =>
    editConsole(traces, (lines) => lines.map((line) => line.replace("amount 7", "amount 9")))
  );
  assertFinds(changed, "receipt", /is not what the journal says/);
});

Deno.test("the auditor finds holes and foreign bytes in a console file", () => {
  const hole = auditTampered(({ console }) => void console.fill(0, 0, 20));
  assertFinds(hole, "console", /does not print "\\u0000/);
  const tail = auditTampered(({ console }) => ({ console: new Uint8Array([...console, 0, 0, 0]) }));
  assertFinds(tail, "console", /There is more after the last line/);
});

Deno.test("the auditor accepts a repeated stretch on a plain terminal, wherever it is cut, and only there", () => {
  const traces = bankAfter(someMoves(12));
  const console = text(traces.console);
  fc.assert(
    fc.property(fc.nat(console.length - 60), fc.nat(200), (stop, repeated) => {
      const repeatedConsole = bytes(
        console.slice(0, stop) + console.slice(Math.max(0, stop - repeated)),
      );
      const verdict = audit({ ...traces, console: repeatedConsole, consoleExactlyOnce: false });
      assertEquals(verdict.findings, []);
    }),
    { seed: 20261124, numRuns: 500 },
  );
  const repeated = bytes(console.slice(0, 300) + console.slice(250));
  assert(!audit({ ...traces, console: repeated }).sound);
});

Deno.test("the auditor finds a receipt missing on a plain terminal", () => {
  const traces = bankAfter(someMoves(12));
  const { console } = editConsole(traces, (lines) => lines.filter((line) => !isReceipt(6)(line)));
  assertFinds(audit({ ...traces, console, consoleExactlyOnce: false }), "receipt", /6 is missing/);
});

Deno.test("the auditor accepts a session that was cut off, down to what is settled", () => {
  const traces = bankAfter(someMoves(12));
  /* Transfers 10 to 12 are in the journal, but neither settled nor in the accounts. */
  writeSector(traces.disk, 1024, "LSLEDGER", [3, 1, 9, 12]);
  const before = bankAfter(someMoves(9));
  traces.disk.set(before.disk.subarray(accountOffset(0), accountOffset(16)), accountOffset(0));
  const { console } = editConsole(before, (lines) => lines.slice(0, -1));
  const verdict = audit({ disk: traces.disk, bills: before.bills, console });
  assertEquals(verdict.findings, []);
  assert(!verdict.finished);
  const hole = new Uint8Array([...before.bills, ...new Uint8Array(40)]);
  assertEquals(audit({ disk: traces.disk, bills: hole, console }).findings, []);
  hole.fill(0, 440, 480);
  assertFinds(
    audit({ disk: traces.disk, bills: hole, console }),
    "bill",
    /no bill at position 440/,
  );
  assertFinds(
    audit({ disk: traces.disk, bills: before.bills.subarray(0, 440), console }),
    "bill",
    /Bill 12 .* is missing/,
  );
});

Deno.test("the auditor notices every single changed byte of a bill file and of the sectors in use", () => {
  const traces = bankAfter(someMoves(6));
  const flip = (evidence: Uint8Array, position: number) => {
    const changed = evidence.slice();
    changed[position]! ^= 0x20;
    return changed;
  };
  for (let position = 0; position < traces.bills.length; position++) {
    assert(
      !audit({ ...traces, bills: flip(traces.bills, position) }).sound,
      `bill byte ${position}`,
    );
  }
  const inUse = [0, 1024, accountOffset(0), accountOffset(15), recordOffset(1), recordOffset(6)];
  for (const offset of inUse) {
    for (let position = offset; position < offset + 512; position += 7) {
      assert(
        !audit({ ...traces, disk: flip(traces.disk, position) }).sound,
        `disk byte ${position}`,
      );
    }
  }
});
