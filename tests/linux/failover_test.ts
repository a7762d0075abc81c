/** A sample of the campaign that `deno task campaign-linux` runs at length, and a machine that fails twice. */
import { assert, assertEquals } from "@std/assert";
import { Site } from "../campaign/site.ts";
import { until } from "../campaign/until.ts";
import { assertSoundDisk } from "./disk_check.ts";
import { drawLinuxTrial, linuxTrialText, runLinuxTrial } from "./failover_trial.ts";
import { freshDisk, linuxGuest, linuxTest } from "./linux_guest.ts";
import { WITHOUT_CIPHER_TESTS } from "./linux_machine.ts";
import { assertTransactionsKept } from "./transactions.ts";

const TRIALS = 3;
const SEED = crypto.getRandomValues(new Uint32Array(1))[0]!;

for (let index = 0; index < TRIALS; index++) {
  const trial = drawLinuxTrial(SEED, index);
  const repeated = `deno task campaign-linux 1 ${SEED} ${index}`;
  linuxTest(
    `kill -9 at a random moment leaves Linux going on: ${linuxTrialText(trial)} (${repeated})`,
    async () => void await runLinuxTrial(trial),
  );
}

linuxTest("a repaired machine joins Linux while it runs, and survives a second kill", async () => {
  const rounds = 120;
  await using site = await Site.open();
  const disk = await freshDisk(site.folder, "linux.img");
  const { kernel, initrd } = linuxGuest();
  const devices = "--disk linux.img --console console --disk-latency 4";
  const receipts = () => site.consoleText().match(/^receipt \d+/gm)?.length ?? 0;
  const receipt = (count: number) =>
    until(() => receipts() >= count, () => `receipt ${count}\n${site.story()}`);

  const first = site.run(
    "first",
    `primary --kernel ${kernel} --initrd ${initrd} --ram 128 ${devices} --listen unix:first.sock ` +
      `--append '${WITHOUT_CIPHER_TESTS} quiet lockstep.script=sqlite lockstep.rounds=${rounds}'`,
  );
  await receipt(5);
  const second = site.run(
    "second",
    `backup unix:first.sock ${devices} --listen unix:second.sock`,
  );
  await first.tells(/has joined: protected/);
  await receipt(receipts() + 5);
  await first.signal("SIGKILL");
  await second.tells(/can join at/);
  const third = site.run("third", `backup unix:second.sock ${devices}`);
  await second.tells(/has joined: protected/);
  await receipt(receipts() + 5);
  await second.signal("SIGKILL");

  assertEquals(await third.ends(), 0, site.story());
  assert(third.hasTold(/goes live in term 3/), site.story());
  assert(site.consoleText().includes("check: all is well"), site.story());
  const numbers = [...site.consoleText().matchAll(/^receipt (\d+)/gm)].map(([, text]) =>
    Number(text)
  );
  assertEquals(numbers, Array.from({ length: rounds }, (_, index) => index + 1));
  await assertSoundDisk(disk);
  await assertTransactionsKept(disk, rounds);
});
