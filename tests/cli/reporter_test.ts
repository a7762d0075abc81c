import { assertEquals, assertMatch } from "@std/assert";
import type { RunEvent, Status } from "../../lib/cli/event.ts";
import { Reporter, type ReportForm } from "../../lib/cli/reporter.ts";

const status: Status = {
  kind: "status",
  role: "protected",
  epoch: 12,
  lagEpochs: 3,
  logBytes: 5000,
  steps: 1e6,
  logBytesPerSecond: 2500,
  mips: 123.4,
  guestTicks: 10_000_000,
  snapshotPauseMilliseconds: 2,
};

class Captured {
  text = "";

  writeSync(data: Uint8Array): number {
    this.text += new TextDecoder().decode(data);
    return data.length;
  }
}

function told(form: ReportForm, events: readonly RunEvent[]): string {
  const output = new Captured();
  const reporter = new Reporter(form, output);
  for (const event of events) reporter.tell(event);
  return output.text;
}

Deno.test("plain lines tell notes, and a status when the role changes", () => {
  assertEquals(
    told("lines", [
      status,
      { ...status, epoch: 13 },
      { kind: "note", text: "The stream has ended" },
      { ...status, role: "SOLO", lagEpochs: 0 },
      { ...status, role: "running" },
    ]),
    "lockstep: protected  epoch 12  lag 3  log 2.5 kB/s  123 MIPS\n" +
      "lockstep: The stream has ended\n" +
      "lockstep: SOLO  epoch 12  lag 0  log 2.5 kB/s  123 MIPS\n",
  );
});

Deno.test("a log without instructions has no figures", () => {
  const phase = { epochs: 0, bytes: 0, seconds: 0 };
  const log = { kinds: {}, steps: 0, busy: phase, idle: phase, epochsByDigits: [] };
  const ended = { kind: "ended", reason: "detach", steps: 9, guestTicks: 9, logBytes: 9 } as const;
  assertEquals(told("lines", [{ ...ended, milliseconds: 1, log }]), "");
  assertMatch(
    told("lines", [{ ...ended, milliseconds: 1, log: { ...log, steps: 9 } }]),
    /^lockstep: Log of 0 B /,
  );
});

Deno.test("a promotion is one line that says what becomes of the operations under way", () => {
  const promoted = { kind: "promoted", term: 2, epoch: 99 } as const;
  assertEquals(
    told("lines", [
      { ...promoted, uncertain: 1, again: 0 },
      { ...promoted, uncertain: 0, again: 2 },
    ]),
    "lockstep: Promoted: goes live in term 2 after epoch 99, 1 operation uncertain\n" +
      "lockstep: Promoted: goes live in term 2 after epoch 99, 0 operations uncertain, " +
      "2 operations performed again\n",
  );
});

Deno.test("JSON tells every event with its time, one a line", () => {
  const lines = told("json", [status, { kind: "note", text: "a\nb" }]).trimEnd().split("\n");
  const [first, second] = lines.map((line) => JSON.parse(line));
  assertEquals({ ...first, at: 0 }, { at: 0, ...status });
  assertEquals({ ...second, at: 0 }, { at: 0, kind: "note", text: "a\nb" });
  assertEquals(Math.abs(first.at - Date.now()) < 60_000, true);
});

Deno.test("on a terminal the status line gives way to notes, and SOLO stands out", () => {
  const text = told("terminal", [
    status,
    { kind: "note", text: "It is gone" },
    { ...status, role: "SOLO" },
  ]);
  assertMatch(text, /protected {2}epoch 12/);
  // deno-lint-ignore no-control-regex -- terminals are steered by control characters
  assertMatch(text, /\r\x1b\[Klockstep: It is gone\n/);
  // deno-lint-ignore no-control-regex -- as above; 7 is reverse video
  assertMatch(text, /\x1b\[7m SOLO {2}epoch 12/);
});

Deno.test("console output on the same terminal erases the status line and brings it back", async () => {
  const output = new Captured();
  const reporter = new Reporter("terminal", output);
  const console = reporter.beside({
    write: (data) => Promise.resolve(void output.writeSync(data)),
    retry: () => false,
    close() {},
  });
  reporter.tell(status);
  output.text = "";
  await console.write(new TextEncoder().encode("half a line"), 0);
  assertEquals(output.text, "\r\x1b[Khalf a line");
  await console.write(new TextEncoder().encode(" and the rest\n"), 11);
  assertMatch(output.text, /the rest\n.*protected/);
});
