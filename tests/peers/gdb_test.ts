/** gdb itself debugs recordings, forwards and backwards. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Lockstep, shellLine } from "../cli/lockstep_process.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { recordGuest } from "../replay/recording.ts";
import { straightReplay } from "../debug/straight_replay.ts";
import { gdb, hasGdb } from "./gdb.ts";

const CLOCK = new URL("../../fixtures/clock.elf", import.meta.url).pathname;
const BENCH = new URL("../../fixtures/bench.elf", import.meta.url).pathname;
const BUILD = new URL("../../guests/build.ts", import.meta.url).pathname;
const required = Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1";
/** The word `fired`, which the timer's handler sets and `main` clears. */
const FIRED = "*(long*)0x80001298";

const { log, machine: { steps } } = await recordGuest("clock", {
  epochSteps: (random) => random.upTo(5000),
});

/** Runs gdb on the recording, through a pipe; answers what each command has shown. */
async function debugged(
  commands: readonly string[],
  options: readonly string[] = [],
): Promise<string[]> {
  let shown: string[] = [];
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/clock.log`, log);
    const server = shellLine(["debug", `${folder}/clock.log`, ...options]);
    shown = await gdb(CLOCK, [`target remote | ${server}`, ...commands], folder);
  });
  return shown.slice(1);
}

function gdbTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: hasGdb ? name : `${name} (needs gdb-multiarch)`, ignore: !hasGdb, fn });
}

gdbTest("gdb shows registers of all kinds and memory, and cannot write them", async () => {
  const [registers, floats, csrs, memory, write, all] = await debugged([
    "info registers pc sp",
    "info registers ft0 fcsr",
    "info registers mstatus satp mip priv",
    "x/i $pc",
    "set $a0 = 1",
    "info all-registers",
  ]);
  assertMatch(registers!, /^pc +0x80000000.*_start.*\nsp +0x0/);
  assertMatch(floats!, /^ft0 +.*double = 0.*\nfcsr +0x0/);
  assertMatch(csrs!, /^mstatus +0xa00000000.*\nsatp +0x0.*\nmip +0x80.*\npriv +0x3.*Machine/);
  assertMatch(memory!, /_start>:\s+bnez\s+a0,0x8000004c/);
  assertMatch(write!, /This is a recording: its registers and memory cannot be written/);
  assert(!all!.includes("<error") && !all!.includes("<unavailable"), all);
});

gdbTest("breakpoints and steps work in both directions", async () => {
  const [, forwards, step, back, again, start, , hard, end] = await debugged([
    "break on_timer",
    "continue",
    "stepi",
    "reverse-stepi",
    "reverse-continue",
    "info registers pc",
    "hbreak trap_dispatch",
    "continue",
    "monitor when",
  ]);
  assertMatch(forwards!, /Breakpoint 1, .* in on_timer \(\)/);
  assertMatch(step!, /0x0000000080000c8. in on_timer/);
  assertMatch(back!, /in on_timer/);
  assertMatch(again!, /No more reverse-execution history/);
  assertMatch(start!, /0x80000000/);
  assertMatch(hard!, /Breakpoint 2, .* in trap_dispatch/);
  assertMatch(end!, /^step \d+ {2}epoch \d+ /);
});

gdbTest("a step enters the handler of an interrupt, and leaves it where it came from", async () => {
  const [, , interrupted, entered, , , , , left, back] = await debugged([
    "hbreak *trap_entry",
    "continue",
    "reverse-stepi",
    "stepi",
    "delete",
    "hbreak *$mepc",
    "continue",
    "reverse-stepi",
    "x/i $pc",
    "stepi",
  ]);
  assertMatch(interrupted!, /in (?!trap_entry)\w+ \(\)/);
  assertMatch(entered!, /in trap_entry \(\)/);
  assertMatch(left!, /mret/);
  assertEquals(/0x[0-9a-f]+ in \w+/.exec(back!)?.[0], /0x[0-9a-f]+ in \w+/.exec(interrupted!)?.[0]);
});

gdbTest("watchpoints tell who wrote, read, and who wrote last", async () => {
  const [, first, second, last, , , read, , access] = await debugged([
    `watch ${FIRED}`,
    "continue",
    "continue",
    "reverse-continue",
    "delete",
    `rwatch ${FIRED}`,
    "continue",
    `awatch ${FIRED}`,
    "reverse-continue",
  ]);
  assertMatch(first!, /Hardware watchpoint 1: .*Old value = 0\nNew value = 1\n.* in on_timer/s);
  assertMatch(second!, /Old value = 1\nNew value = 0\n.* in main/s);
  assertMatch(last!, /Old value = 0\nNew value = 1\n.* in main/s);
  assertMatch(read!, /Hardware read watchpoint 2: .*Value = /s);
  assertMatch(access!, /Hardware access \(read\/write\) watchpoint 3/);
});

gdbTest("gdb's own ways back work: reverse-finish and reverse-next", async () => {
  const [, , stack, finish, next, there] = await debugged([
    "break put_number",
    "continue",
    "backtrace",
    "reverse-finish",
    "reverse-next",
    "backtrace",
  ]);
  assertMatch(stack!, /#0 .* in put_number.*\n#1 .* in format_into.*\n#2 .* in print/);
  assertMatch(finish!, /in format_into \(\)/);
  assertMatch(next!, /Single stepping until exit from function format_into/);
  assertMatch(there!, /#0 .* in /);
});

/** The same code with line numbers, where the compiler of the fixtures is installed. */
async function withSources(folder: string): Promise<string | undefined> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-all", BUILD, "--debug", folder, "clock"],
    stdin: "null",
    stdout: "null",
  }).output();
  return success ? `${folder}/clock.elf` : undefined;
}

gdbTest("lines of C are stepped through backwards", () =>
  withFolder(async (folder) => {
    const elf = await withSources(folder);
    if (elf === undefined && required) throw new Error("The guests cannot be built here");
    if (elf === undefined) return;
    await Deno.writeFile(`${folder}/clock.log`, log);
    const server = shellLine(["debug", `${folder}/clock.log`]);
    const [, , stop, next, back, , wrote, , caller] = await gdb(elf, [
      `target remote | ${server}`,
      "break on_timer",
      "continue",
      "next",
      "reverse-next",
      "watch fired",
      "continue",
      "delete",
      "reverse-finish",
    ], folder);
    assertMatch(stop!, /fired_at = clock_ticks\(\);/);
    assertMatch(next!, /fired = true;/);
    assertMatch(back!, /fired_at = clock_ticks\(\);/);
    assertMatch(wrote!, /Old value = false\nNew value = true\n.*on_timer \(\) at/);
    assertMatch(caller!, /trap_(?:dispatch|entry) \(.*\) at/);
  }));

gdbTest("positions and checkpoints are there behind monitor", async () => {
  const [when, seek, , place, events, kept, list, back] = await debugged([
    "monitor when",
    "monitor seek console:'tick 3'",
    "maintenance flush register-cache",
    "backtrace",
    "monitor events 3",
    "monitor checkpoint tick 3",
    "monitor checkpoints",
    "monitor restart 1",
  ], ["--at", "epoch:2"]);
  assertMatch(when!, /^step \d+ {2}epoch 2 /);
  assertMatch(seek!, /^step \d+ /);
  assertMatch(place!, /#0 .* in uart_write \(\)\n.*\n.*\n#3 .* in print \(\)/);
  assertMatch(events!, /-- here: step/);
  assertMatch(kept!, /^checkpoint 1 {2}step \d+ {2}epoch \d+ {2}tick 3/);
  assertEquals(list!.trim(), kept!.trim());
  assertMatch(back!, /^step \d+ /);
});

gdbTest(
  "the hook that monitor help tells lets gdb read registers again after a seek",
  () =>
    withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/clock.log`, log);
      const connect = `target remote | ${shellLine(["debug", `${folder}/clock.log`])}`;
      const [, help] = await gdb(CLOCK, [connect, "monitor help"], folder);
      const [hook] = /^ *define hookpost-monitor[^]*end$/m.exec(help!)!;
      await Deno.writeTextFile(`${folder}/hook.gdb`, hook);
      const seek = "monitor seek console:'tick 3'";
      const places = async (commands: readonly string[]) =>
        (await gdb(CLOCK, [connect, ...commands, seek, "backtrace 1"], folder)).at(-1)!;
      assertMatch(await places([]), /#0 .* in _start \(\)/);
      assertMatch(await places([`source ${folder}/hook.gdb`]), /#0 .* in uart_write \(\)/);
    }),
);

gdbTest("after all that the machine is the one of a straight replay", async () => {
  const shown = await debugged([
    "break trap_dispatch if $a0 == 12345",
    `watch ${FIRED}`,
    ...Array<string>(5).fill("continue"),
    ...Array<string>(3).fill("reverse-continue"),
    "delete",
    "continue",
    "monitor digest",
  ]);
  const straight = await straightReplay(log, [steps]);
  const digest = straight.get(steps)!.digest.toString(16).padStart(16, "0");
  assertEquals(shown.at(-1)!.trim(), `step ${steps}  digest ${digest}`);
});

gdbTest(
  "Ctrl-C in gdb stops a search, which goes on from there",
  () =>
    withFolder(async (folder) => {
      // About a second of searching; the signal comes at its start.
      const { log } = await recordGuest("bench", { bootArguments: "scale=80" });
      await Deno.writeFile(`${folder}/bench.log`, log);
      const commands = [
        `target remote | ${shellLine(["debug", `${folder}/bench.log`])}`,
        ...["echo started\\n", "continue", "continue"],
      ];
      const child = new Deno.Command("gdb-multiarch", {
        args: ["-q", "-batch", "-nx", BENCH, ...commands.flatMap((command) => ["-ex", command])],
        ...{ stdin: "null", stdout: "piped", stderr: "null" },
      }).spawn();
      let shown = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        const before = shown;
        shown += text;
        if (shown.includes("started") && !before.includes("started")) {
          setTimeout(() => child.kill("SIGINT"), 100);
        }
      }
      await child.status;
      const end = "No more reverse-execution history\\.\\n.* in power_off";
      assertMatch(
        shown,
        new RegExp(`signal SIGINT, Interrupt\\.\\n.* in (?!power_off)\\w+[^]*${end}`),
      );
    }),
);

gdbTest(
  "a server on loopback serves one gdb after the other, until one kills it",
  () =>
    withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/clock.log`, log);
      const words = ["debug", `${folder}/clock.log`, "--listen", "127.0.0.1:0"];
      await using server = new Lockstep(words, { stdin: "" });
      const [, target] = await server.says(/target remote (127\.0\.0\.1:\d+)/);
      const connect = `target remote ${target}`;
      const [, , detached] = await gdb(CLOCK, [connect, "stepi", "detach"], folder);
      assertMatch(detached!, /detached/);
      const [, where] = await gdb(CLOCK, [connect, "monitor when", "kill"], folder);
      assertMatch(where!, /^step 1 /);
      assertEquals((await server.end()).code, 0);
    }),
);
