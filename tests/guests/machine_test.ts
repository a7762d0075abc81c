import { assert, assertEquals, assertMatch } from "@std/assert";
import { audit } from "../../guests/teller/auditor.ts";
import type { Completion, Operation } from "../../lib/board/operation.ts";
import { simulate, type SimulationOptions } from "./simulated_host.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const newDisk = (sectors = 16384) => new Uint8Array(sectors * 512);

/** Fails one in `rate` disk operations with `status`, in a seeded order. */
function failing(status: Completion["status"], rate: number, seed: number) {
  let random = seed;
  return ({ request }: Operation): Completion["status"] => {
    random = Math.imul(random, 1664525) + 1013904223 >>> 0;
    return request.kind.startsWith("disk-") && random % 65521 % rate === 0 ? status : "done";
  };
}

Deno.test("hello says hello and powers off with the exit code asked for", async () => {
  const { code, console } = await simulate("hello", { bootArguments: "exit=7" });
  assertEquals(text(console), "Hello from a machine that survives\n");
  assertEquals(code, 7);
});

Deno.test("clock finds that no clock goes back and no timer interrupt is early", async () => {
  const { code, console } = await simulate("clock");
  assertEquals(code, 0);
  assertMatch(text(console), /20 timer interrupts, \d+ ticks late in all, no clock went back\n$/);
});

Deno.test("bench gives the checksums that it gives on QEMU", async () => {
  const { code, console } = await simulate("bench", { bootArguments: "scale=1" });
  assertEquals(code, 0);
  assertEquals([...text(console).matchAll(/checksum (\w+)/g)].map(([, checksum]) => checksum), [
    ...["0619aea171836989", "13dd7634d6ed6339", "143e97842f32ec00", "f8cb81b3efbf1df5"],
    ...["00000000207f53c0", "65e1d1ead494520d", "01831fdcd3d399b7"],
  ]);
});

Deno.test("echo gives back what is typed, until Ctrl-D", async () => {
  const { code, console } = await simulate("echo", { input: "to be\rrepeated\x04and no more" });
  assertEquals(code, 0);
  assertMatch(text(console), /^echo: ready, Ctrl-D ends\nto be\rrepeated\necho: 14 bytes, /);
});

for (
  const [how, options] of Object.entries<SimulationOptions>({
    "in long epochs": { epochSteps: 1_000_000 },
    "in short epochs": { epochSteps: 997 },
    "with caches dropped at each epoch's end": {
      epochSteps: 3001,
      atEpochEnd: (machine) => machine.dropCaches(),
    },
  })
) {
  Deno.test(`paging without fences, ${how}, gives the checksum that it gives with fences on QEMU`, async () => {
    const { code, console } = await simulate("paging", { ...options, bootArguments: "rounds=8" });
    assertEquals(code, 0, text(console));
    assertMatch(text(console), /8 rounds, \d+ timer interrupts, checksum e6507aa82df5dff1\n$/);
  });
}

Deno.test("reset and power-off let the outstanding writes settle", async () => {
  const disk = newDisk(1024);
  const { code, console } = await simulate("reset", { disk });
  assertEquals(code, 0, text(console));
  assertMatch(text(console), /boot 2, 6 of 6 writes from before the reset are on disk\n/);
  const words = new BigUint64Array(disk.buffer, 64 * 512, 6 * 16 * 64);
  words.forEach((word, index) => assertEquals(word, 2n << 32n | BigInt(Math.floor(index / 1024))));
});

Deno.test("rtc-spin and trap-loop go on for ever", async () => {
  for (const guest of ["rtc-spin", "trap-loop"]) {
    const { code, console } = await simulate(guest, { stopAfterEpochs: 60 });
    assertEquals(code, undefined);
    assertMatch(text(console), /for ever\n$/);
  }
});

for (const bootArguments of ["transfers=60 pace=4", "burst transfers=1200"]) {
  Deno.test(`teller leaves a sound bank whatever is uncertain (${bootArguments})`, async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const disk = newDisk();
      const run = await simulate("teller", {
        disk,
        bootArguments,
        seed,
        fate: failing("uncertain", 9, seed),
      });
      assertEquals(run.code, 0, `seed ${seed}: ${text(run.console)}`);
      assertMatch(text(run.console), /\[disk\] unit attention: retrying write sector \d+\n/);
      const verdict = audit({ disk, ...run });
      assertEquals(verdict.findings, [], `seed ${seed}`);
      assert(verdict.finished);
    }
  });
}

Deno.test("teller leaves a sound bank on virtio-blk", async () => {
  for (const bootArguments of ["transfers=60 pace=4", "burst transfers=600"]) {
    const disk = newDisk();
    const run = await simulate("teller", { disk, bus: "blk", bootArguments });
    assertEquals(run.code, 0, text(run.console));
    assertMatch(text(run.console), /^\[disk\] virtio-blk SIMULATED, 16384 sectors\n/);
    const { findings, finished } = audit({ disk, ...run });
    assertEquals({ findings, finished }, { findings: [], finished: true });
  }
});

Deno.test("teller says so and stops when a disk on virtio-blk fails", async () => {
  for (const status of ["io-error", "no-space"] as const) {
    const disk = newDisk();
    let operations = 0;
    const fate = ({ request }: Operation) =>
      request.kind === "disk-write" && ++operations > 100 ? status : "done";
    const run = await simulate("teller", { disk, bus: "blk", bootArguments: "burst", fate });
    assertEquals(run.code, 20, text(run.console));
    assertMatch(text(run.console), /\[disk\] I\/O error: write sector \d+ failed for good\n/);
    assertEquals(audit({ disk, ...run }).findings, []);
  }
});

Deno.test("reset and power-off let the outstanding writes of a disk on virtio-blk settle", async () => {
  const disk = newDisk(1024);
  const { code, console } = await simulate("reset", { disk, bus: "blk" });
  assertEquals(code, 0, text(console));
  const words = new BigUint64Array(disk.buffer, 64 * 512, 6 * 16 * 64);
  words.forEach((word, index) => assertEquals(word, 2n << 32n | BigInt(Math.floor(index / 1024))));
});

Deno.test("mixed finds both its disks equal, whatever is uncertain on SCSI", async () => {
  for (let seed = 1; seed <= 4; seed++) {
    const uncertain = failing("uncertain", 7, seed);
    const fate = (operation: Operation) =>
      "disk" in operation.request && operation.request.disk === 0 ? uncertain(operation) : "done";
    const disks = { disk: newDisk(1024), blkDisk: newDisk(1024) };
    const { code, console } = await simulate("mixed", { ...disks, seed, fate });
    assertEquals(code, 0, text(console));
    assertMatch(text(console), /64 rounds, 16 of 16 blocks as written on both disks, checksum /);
    assertEquals(disks.disk, disks.blkDisk);
  }
});

for (
  const [status, line] of [
    ["io-error", /\[disk\] medium error: \w+ sector \d+ failed for good \(sense 3\/\w+\/00\)\n/],
    ["no-space", /\[disk\] data protect: \w+ sector \d+ failed for good \(sense 7\/27\/07\)\n/],
  ] as const
) {
  Deno.test(`teller says so and stops when the disk answers ${status}`, async () => {
    const disk = newDisk();
    let operations = 0;
    const fate = ({ request }: Operation) =>
      request.kind === "disk-write" && ++operations > 100 ? status : "done";
    const run = await simulate("teller", { disk, bootArguments: "burst", fate });
    assertEquals(run.code, 20, text(run.console));
    assertMatch(text(run.console), line);
    assertEquals(audit({ disk, ...run }).findings, []);
  });
}

Deno.test("teller recovers from a power failure at any time", async () => {
  const bootArguments = "burst transfers=300";
  for (let seed = 1; seed <= 16; seed++) {
    const disk = newDisk();
    const stopAfterEpochs = seed * 36;
    const cutOff = await simulate("teller", { disk, bootArguments, seed, stopAfterEpochs });
    /* Before the bank is formatted there is nothing to audit. */
    if (/continues/.test(text(cutOff.console))) {
      assertEquals(audit({ disk, ...cutOff }).findings, [], `seed ${seed}`);
    }
    const next = await simulate("teller", { disk, bootArguments: "transfers=40 pace=0", seed });
    assertEquals(next.code, 0, text(next.console));
    const verdict = audit({ disk, ...next });
    assertEquals(
      verdict.findings,
      [],
      `seed ${seed}\n${text(cutOff.console)}${text(next.console)}`,
    );
    assert(verdict.finished);
  }
});
