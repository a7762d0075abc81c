/** gdb itself debugs a program that runs on Debian's Linux, and the kernel under it, in both directions. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { lockstep, shellLine } from "../cli/lockstep_process.ts";
import { straightReplay } from "../debug/straight_replay.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { gdb, hasGdb } from "../peers/gdb.ts";
import { freshDisk, linuxTest } from "./linux_guest.ts";
import { linuxWords } from "./linux_machine.ts";
import { buildProgram, canBuild, initrdWith } from "./user_program.ts";

const LEDGER = new URL("ledger/ledger.c", import.meta.url);

/** Symbols of the kernel that are looked up; all of `/proc/kallsyms` takes longer than a boot. */
const SCRIPT = `#!/bin/busybox sh
grep -m 2 -E ' T (vfs_write|ksys_write)$' /proc/kallsyms
printf 'from the disk' | dd of=/disk/page bs=4096 conv=sync,fsync 2>/dev/null
ledger 1 & ledger 2
wait
`;

interface Recorded {
  readonly elf: string;
  readonly log: string;
  readonly console: string;
}

async function record(folder: string): Promise<Recorded> {
  const elf = await buildProgram(LEDGER, folder);
  const files = {
    "bin/ledger": await Deno.readFile(elf),
    "scripts/ledgers": new TextEncoder().encode(SCRIPT),
  };
  const log = `${folder}/run.log`;
  const { code, stdout, stderr } = await lockstep(linuxWords("record", {
    append: "quiet lockstep.script=ledgers",
    initrd: await initrdWith(files, folder),
    disks: [await freshDisk(folder)],
    words: ["-o", log],
  }));
  assertEquals(code, 0, stderr);
  return { elf, log, console: stdout };
}

/** Runs gdb's commands on the recording; answers what each has shown. */
async function debugged(
  { elf, log }: Recorded,
  commands: readonly string[],
  folder: string,
): Promise<readonly string[]> {
  const server = shellLine(["debug", log]);
  return (await gdb(elf, [`target remote | ${server}`, ...commands], folder)).slice(1);
}

const reason = canBuild ? "needs gdb-multiarch" : "needs clang-14 and ld.lld-14";
const name = "gdb finds who lost a program's money on Linux, and stops in the kernel, backwards";
if (!hasGdb || !canBuild) Deno.test({ name: `${name} (${reason})`, ignore: true, fn() {} });
else {
  linuxTest(name, () =>
    withFolder(async (folder) => {
      const recorded = await record(folder);
      // Both write at the same time, so that their lines are mixed, but never what is written in one call.
      for (const total of ["10911", "10910"]) assertStringIncludes(recorded.console, total);
      assertEquals(recorded.console.match(/from the/g)?.length, 2, recorded.console);
      const [, write] = /^([0-9a-f]{16}) T ksys_write\r?$/m.exec(recorded.console)!;
      await findsTheLoss(recorded, write!, folder);
    }));
}

async function findsTheLoss(recorded: Recorded, write: string, folder: string): Promise<void> {
  const commands = {
    breakpoint: "break closing",
    one: "continue",
    oneShare: "print share",
    both: "continue",
    share: "print share",
    stack: "backtrace",
    accounts: "print accounts",
    rate: "print rate",
    floats: "info registers float",
    csrs: "info registers satp priv",
    space: "monitor space here",
    watchPage: "watch *(long*)page",
    delivered: "reverse-continue",
    why: "monitor why",
    marked: "reverse-continue",
    marking: "x/i $pc",
    cleared: "reverse-continue",
    clearing: "x/i $pc",
    unwatchPage: "delete $bpnum",
    again: "continue",
    watch: "watch accounts[2].balance",
    last: "reverse-continue",
    before: "reverse-continue",
    guilty: "reverse-continue",
    instruction: "x/i $pc",
    posting: "info args",
    guiltyStack: "backtrace",
    step: "reverse-stepi",
    finish: "reverse-finish",
    frame: "info locals",
    line: "info line *$pc",
    next: "reverse-next",
    unwatch: "delete",
    kernel: `break *0x${write}`,
    called: "continue",
    kernelCsrs: "info registers priv scause sepc",
    text: "x/s $a1",
    caller: "x/i $sepc",
    stored: "watch -location *(long*)$sp",
    whoStored: "reverse-continue",
    storing: "x/i $pc",
    everywhere: "monitor space all",
    digest: "monitor digest",
    forget: "delete",
    end: "continue",
    endDigest: "monitor digest",
  };
  const words = Object.values(commands);
  const answers = await debugged(recorded, words, folder);
  const shown = Object.fromEntries(
    Object.keys(commands).map((name, index) => [name, answers[index]!]),
  ) as Record<keyof typeof commands, string>;
  // Both processes have the function at this address.
  assertMatch(shown.one, /Breakpoint 1, closing \(sum=.*ledger\.c:\d+/);
  const shares = [shown.oneShare, shown.share].map((text) => / = ([12])\n/.exec(text)![1]!);
  assertEquals(shares.toSorted(), ["1", "2"]);
  assertMatch(shown.stack, /#0 +closing \(.*\n#1 .* in program \(.*\n#2 .* in _start \(\)/);
  const share = Number(shares[1]!);
  assertMatch(shown.accounts, new RegExp(`balance = ${3239 - share}, interest = `));
  assertMatch(shown.rate, / = 0\.015625\n/);
  assertMatch(shown.floats, /double = 67\.5\}/);
  assertMatch(shown.csrs, /^satp +0x8[0-9a-f]{15}\s.*\npriv +0x0\s.*User/);
  assertMatch(shown.space, /^Stops in the address space with its page table at 0x8[0-9a-f]+000\n/);
  // Before the program sees it: a disk's controller, the program itself, and the kernel, which clears the page.
  assertMatch(
    shown.delivered,
    /^Written at 0x[0-9a-f]+ by a device \(DMA\): operation \d+ \(disk 0, /,
  );
  assertMatch(shown.delivered, /Old value = 7307218078032425574\nNew value = /);
  assertMatch(shown.why, /^Written at 0x[0-9a-f]+ by a device \(DMA\)/);
  assertMatch(shown.marked, /New value = 0\n.* in read_page \(.*page\[0\] = '!';/s);
  assertMatch(shown.marking, /<read_page\+\d+>:\s+sb\s/);
  assertMatch(
    shown.cleared,
    /^Accessed under another address, 0xffff[0-9a-f]+, by the instruction of /,
  );
  assertMatch(shown.clearing, /=> 0xffffffff[0-9a-f]{8}:\s+(?:cbo\.zero|s[bhwd])\s/);
  assertMatch(shown.again, /Breakpoint 1, closing/);
  // Three days back, in this process and no other, somebody has posted the share.
  for (const post of [shown.last, shown.before, shown.guilty]) {
    assertMatch(post, /Old value = 3\d\d\d\nNew value = 3\d\d\d\n.* in post \(account=0x/);
  }
  assertMatch(shown.instruction, /<post\+\d+>:\s+sd\s/);
  assertMatch(shown.posting, /^account = 0x.* <accounts\+32>\n/);
  assertMatch(
    shown.guiltyStack,
    /#0 .* in post \(.*\n#1 .* in add_interest \(.*\n#2 .* in program \(/,
  );
  assertMatch(shown.step, /account->balance \+= amount;/);
  assertMatch(shown.finish, /add_interest \(.*post\(account, amount\);/s);
  assertMatch(shown.frame, /number = 2\n/);
  assertMatch(shown.line, /Line \d+ of ".*ledger\.c" starts at address/);
  assertMatch(shown.next, /post\(account, amount\);/);
  // The program's next words, seen from the kernel.
  assertMatch(shown.called, /Breakpoint \d+, 0xffffffff/);
  assertMatch(shown.kernelCsrs, /^priv +0x1\s.*Supervisor.*\nscause +0x8\s.*\nsepc +0x4000/);
  assertMatch(shown.text, /:\t"ledger: share "/);
  assertMatch(shown.caller, /<closing\+\d+>:\s+ecall/);
  assertMatch(shown.whoStored, /Hardware watchpoint \d+: -location \*\(long\*\)\$sp/);
  assertMatch(shown.storing, /=> 0xffffffff[0-9a-f]{8}:\s+(?:c\.)?sd/);
  assertMatch(shown.everywhere, /^Stops in every address space/);
  assertMatch(shown.end, /No more reverse-execution history/);
  await assertDigests(recorded, [shown.digest, shown.endDigest]);
}

/** What has been looked at is what a replay that nobody looks at comes to. */
async function assertDigests({ log }: Recorded, shown: readonly string[]): Promise<void> {
  const found = shown.map((text) => /^step (\d+) {2}digest ([0-9a-f]{16})\n/.exec(text)!);
  const straight = await straightReplay(
    await Deno.readFile(log),
    found.map(([, step]) => Number(step)),
  );
  for (const [, step, digest] of found) {
    const expected = straight.get(Number(step))!.digest;
    assertEquals(digest, expected.toString(16).padStart(16, "0"), `At step ${step}`);
  }
  assertEquals(Number(found.at(-1)![1]), Math.max(...straight.keys()));
}
