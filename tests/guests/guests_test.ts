import { assert, assertEquals, assertMatch } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import { pause } from "../../lib/host/pause.ts";
import { fixture } from "./fixture.ts";
import { hasQemu, runOnQemu, withDisk } from "./qemu.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const megabyte = 1 << 20;

/** A test that runs on QEMU, ignored where it is not installed. */
function qemuTest(name: string, fn: () => Promise<void>) {
  Deno.test({
    name: `${name}, on QEMU (ignored without qemu-system-riscv64)`,
    ignore: !hasQemu,
    fn,
  });
}

Deno.test("each built guest is an ELF file of less than 64 KiB without traces of where it was built", async () => {
  for await (const entry of Deno.readDir(new URL("../../guests/", import.meta.url))) {
    if (!entry.isDirectory || ["runtime", "linux"].includes(entry.name)) continue;
    const image = await Deno.readFile(fixture(entry.name));
    assert(image.length < 65536, entry.name);
    const bytes = new TextDecoder("latin1").decode(image);
    assertEquals(bytes.slice(0, 4), "\x7fELF", entry.name);
    assert(!/clang|LLD|\/tmp|\/work|\/home/.test(bytes), entry.name);
  }
});

qemuTest("hello says hello and powers off with the exit code asked for", async () => {
  const { code, console } = await runOnQemu("hello", { bootArguments: "quiet exit=7" });
  assertEquals(text(console), "Hello from a machine that survives\n");
  assertEquals(code, 7);
});

qemuTest("clock finds that no clock goes back and no timer interrupt is early", async () => {
  const { code, console } = await runOnQemu("clock", { bootArguments: "ticks=5 interval=2000" });
  assertEquals(code, 0);
  assertMatch(
    text(console),
    /started at 20\d\d-\d\d-\d\dT.*\n(.*tick.*\n){5}.*\n.*5 timer interrupts, .* no clock went back\n$/,
  );
});

qemuTest("bench gives the same checksums at the same scale", async () => {
  const { code, console } = await runOnQemu("bench", {
    bootArguments: "scale=1",
    options: ["-icount", "shift=0"],
  });
  assertEquals(code, 0);
  const checksums = [
    ...text(console).matchAll(/^phase (\S+) instructions \d+ ticks \d+ checksum (\w+)$/gm),
  ];
  assertEquals(checksums.map(([, name, checksum]) => `${name} ${checksum}`), [
    ...["sieve 0619aea171836989", "hash 13dd7634d6ed6339", "integer_matrix 143e97842f32ec00"],
    ...["double_matrix f8cb81b3efbf1df5", "recursion 00000000207f53c0"],
    ...["sort 65e1d1ead494520d", "memcpy 01831fdcd3d399b7"],
  ]);
});

qemuTest("echo gives back what is typed, until Ctrl-D", async () => {
  const input = "to be\rrepeated";
  const checksum = [...input].reduce(
    (sum, character) => BigInt.asUintN(64, sum * 31n + BigInt(character.charCodeAt(0))),
    0n,
  );
  const { code, console } = await runOnQemu("echo", { input: `${input}\x04` });
  assertEquals(code, 0);
  assertEquals(
    text(console),
    `echo: ready, Ctrl-D ends\n${input}\necho: 14 bytes, checksum ${checksum.toString(16)}\n`,
  );
});

qemuTest(
  "paging finds every access as the tables in memory say, when fences are asked for",
  async () => {
    const { code, console } = await runOnQemu("paging", { bootArguments: "fences" });
    assertEquals(code, 0, text(console));
    assertMatch(text(console), /^paging: round 8 checksum e6507aa82df5dff1$/m);
    assertMatch(
      text(console),
      /^paging: 48 rounds, \d+ timer interrupts, checksum 07b703745ffd2229$/m,
    );
  },
);

qemuTest("paging finds stale translations where there are some", async () => {
  const { code, console } = await runOnQemu("paging");
  assertEquals(code, 1);
  assertMatch(text(console), /^paging: failed in round \d+, step \d+$/m);
});

qemuTest(
  "reset comes back after its reset and counts boots on the disk",
  () =>
    withDisk(megabyte, async (disk) => {
      const { console } = await runOnQemu("reset", { disk });
      assertMatch(text(console), /boot 1, resetting with 6 writes outstanding\n/);
      assertMatch(text(console), /boot 2, \d of 6 writes from before the reset are on disk\n/);
    }),
);

qemuTest(
  "teller leaves a sound bank, session after session",
  () =>
    withDisk(8 * megabyte, async (disk) => {
      const sessions = {
        "transfers=40 pace=4": 40,
        "burst transfers=600": 640,
        "transfers=60 pace=0 batch=4 flush=3": 700,
      };
      for (const [bootArguments, total] of Object.entries(sessions)) {
        const run = await runOnQemu("teller", { disk, bootArguments });
        assertEquals(run.code, 0, text(run.console));
        const verdict = audit(run);
        assertEquals(verdict.findings, []);
        assert(verdict.finished);
        assertEquals(verdict.transfers, total);
        assert(verdict.bills > 0);
      }
    }),
);

qemuTest(
  "teller leaves a sound bank on virtio-blk",
  () =>
    withDisk(8 * megabyte, async (disk) => {
      const run = await runOnQemu("teller", {
        disk,
        blk: true,
        bootArguments: "burst transfers=400",
      });
      assertEquals(run.code, 0, text(run.console));
      assertMatch(text(run.console), /\[disk\] virtio-blk disk, 16384 sectors\n/);
      const { findings, finished } = audit(run);
      assertEquals({ findings, finished }, { findings: [], finished: true });
    }),
);

qemuTest(
  "mixed finds both its disks equal",
  () =>
    withDisk(megabyte, (disk) =>
      withDisk(megabyte, async (further) => {
        const { code, console } = await runOnQemu("mixed", {
          disk,
          options: [
            ...["-drive", `if=none,id=further,format=raw,file=${further}`],
            ...["-device", "virtio-blk-device,drive=further", "-device", "virtio-rng-device"],
          ],
        });
        assertEquals(code, 0, text(console));
        assertMatch(
          text(console),
          /64 rounds, 16 of 16 blocks as written on both disks, checksum /,
        );
      })),
);

qemuTest(
  "teller retries what ends in a unit attention",
  () =>
    withDisk(8 * megabyte, async (disk) => {
      const { code, console, ...run } = await runOnQemu("teller", {
        disk,
        bootArguments: "transfers=4000 burst",
        /* QEMU raises a unit attention when the size of a disk changes. */
        meanwhile: async (command) => {
          // Spread over the guest's run: all at once may come before its first command, which takes one for all.
          for (let size = 9; size < 40; size++) {
            await command("block_resize", { device: "disk", size: size * megabyte });
            await pause(15);
          }
        },
      });
      assertEquals(code, 0);
      assertMatch(
        text(console),
        /\[disk\] unit attention: retrying (read|write|flush) sector \d+\n/,
      );
      assertEquals(audit({ console, ...run }).findings, []);
    }),
);

qemuTest(
  "teller settles what a killed session left open",
  () =>
    withDisk(8 * megabyte, async (disk) => {
      const bootArguments = "burst transfers=400";
      /* The journal write of some batch fails: the session ends there, with others in flight. */
      const failures = [
        "inject-error.0.event=pwritev",
        "inject-error.0.errno=28",
        "inject-error.0.sector=150",
      ];
      const cutOff = await runOnQemu("teller", { disk, bootArguments, failures });
      assertEquals(cutOff.code, 20, text(cutOff.console));
      assertMatch(
        text(cutOff.console),
        /\[disk\] data protect: write sector \d+ failed for good \(sense 7\/27\/07\)/,
      );
      assertEquals(audit(cutOff).findings, []);
      const next = await runOnQemu("teller", { disk, bootArguments: "transfers=20 pace=0" });
      assertEquals(next.code, 0, text(next.console));
      assertEquals(audit(next).findings, []);
    }),
);

qemuTest(
  "teller stops with its own exit codes without a disk, on a small disk and with a full journal",
  async () => {
    assertEquals((await runOnQemu("teller")).code, 20);
    await withDisk(
      32768,
      async (disk) => assertEquals((await runOnQemu("teller", { disk })).code, 20),
    );
    await withDisk(65536, async (disk) => {
      const run = await runOnQemu("teller", { disk, bootArguments: "burst" });
      assertEquals(run.code, 21);
      assertEquals(audit(run).findings, []);
    });
  },
);
