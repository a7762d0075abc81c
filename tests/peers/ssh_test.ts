/** A backup at the other end of a real ssh, with a disk of its own: README's tables of promises, kept. */
import { assert, assertEquals } from "@std/assert";
import { pause } from "../../lib/host/pause.ts";
import type { Part } from "../campaign/part.ts";
import { Site } from "../campaign/site.ts";
import { assertFinishedSoundly } from "../campaign/verdict.ts";
import { hasSsh, SshServer } from "./ssh_server.ts";

/** Devices besides the disks: in one folder here, so that the auditor sees what the outside saw. */
const OUTSIDE = "--bills bills --console console --disk-latency 2";
const COPY = "copy.img";
const WAITS = /nobody can tell whether the primary still runs: send SIGUSR1 to promote this backup/;
const SOLO = /is removed: .*; the machine goes on SOLO$/;

/** Two machines of which one is reached by ssh only. */
interface Scene {
  readonly site: Site;
  readonly server: SshServer;
  readonly primary: Part;
  readonly backup: Part;
  readonly ssh: Part;
}

const here = await hasSsh();
const required = Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1";

/** A test in which the backup has joined; `boot` are the teller's boot arguments. */
function overSsh(
  what: string,
  boot: string,
  play: (scene: Scene) => Promise<void>,
): void {
  Deno.test({
    name: here ? what : `${what} (needs openssh-server, openssh-client and procps)`,
    ignore: !here && !required,
    async fn() {
      await using site = await Site.open();
      Deno.copyFileSync(site.path("d.img"), site.path(COPY));
      const server = await SshServer.start(site);
      const [backup, ssh] = [site.part("backup"), site.part("ssh")];
      try {
        const far = server.remote(`as backup lockstep backup - --disk ${COPY} ${OUTSIDE}`);
        const primary = site.run(
          "primary",
          `primary teller --disk d.img ${OUTSIDE} --append '${boot}' --to "${far}"`,
        );
        await backup.tells(/Following run/);
        await primary.tells(/has joined: protected \(it has a disk of its own\)$/);
        await play({ site, server, primary, backup, ssh });
      } finally {
        // Sessions are process groups of their own.
        await server.stop();
        if (backup.exitCode === undefined) await backup.reaches("SIGKILL");
      }
    },
  });
}

function assertDisksEqual(site: Site): void {
  const [disk, copy] = ["d.img", COPY].map((name) => Deno.readFileSync(site.path(name)));
  assertEquals(disk!.length, copy!.length);
  const differs = disk!.findIndex((byte, index) => byte !== copy![index]);
  assertEquals(differs, -1, `The disks differ from byte ${differs} on`);
}

overSsh(
  "over ssh both machines end with the guest's code, and their disks are equal",
  "burst transfers=2000",
  async ({ site, primary, backup, ssh }) => {
    assertEquals([await primary.ends(), await backup.ends(), await ssh.ends()], [0, 0, 0]);
    assertFinishedSoundly(site);
    assertFinishedSoundly(site, COPY);
    assertDisksEqual(site);
  },
);

overSsh(
  "over ssh no output leaves that the backup has not acknowledged",
  "transfers=4000 pace=5",
  async ({ site, primary, backup }) => {
    await site.receipt(20);
    await backup.signal("SIGSTOP");
    // What was acknowledged before is performed yet.
    await pause(300);
    const before = site.consoleText().length;
    await pause(600);
    assertEquals(site.consoleText().length, before, site.story());
    await backup.signal("SIGCONT");
    await site.receipt(site.receipts() + 20);
    await primary.signal("SIGTERM");
    assertEquals([await primary.ends(), await backup.ends()], [0, 0], site.story());
    assert(!primary.hasTold(SOLO), site.story());
    assertDisksEqual(site);
  },
);

const CUTS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  "ssh": ({ ssh }) => ssh.signal("SIGKILL"),
  "sshd": ({ server }) => server.killSessions(),
};

for (const [what, cut] of Object.entries(CUTS)) {
  overSsh(
    `when ${what} is killed the primary goes on SOLO, and the backup waits for its operator`,
    "burst transfers=2500",
    async (scene) => {
      const { site, primary, backup } = scene;
      await site.receipt(100);
      await cut(scene);
      await primary.tells(SOLO);
      await backup.tells(WAITS);
      assertEquals(await primary.ends(), 0, site.story());
      assertFinishedSoundly(site);
      await backup.signal("SIGTERM");
      assertEquals(await backup.ends(), 0, site.story());
      assert(!backup.hasTold(/Promoted/), site.story());
    },
  );
}

overSsh(
  "when the primary is killed the backup waits for its operator, and then goes on with its own disk",
  "burst transfers=2500",
  async ({ site, primary, backup }) => {
    await site.receipt(100);
    await primary.signal("SIGKILL");
    assertEquals(await primary.ends(), 137);
    await backup.tells(WAITS);
    await backup.signal("SIGUSR1");
    await backup.tells(/Promoted: goes live in term 2/);
    assertEquals(await backup.ends(), 0, site.story());
    assertFinishedSoundly(site, COPY);
  },
);

overSsh(
  "when the backup is killed the primary goes on SOLO to the end",
  "burst transfers=2500",
  async ({ site, primary, backup }) => {
    await site.receipt(100);
    await backup.signal("SIGKILL");
    await primary.tells(SOLO);
    assertEquals(await primary.ends(), 0, site.story());
    assertFinishedSoundly(site);
  },
);
