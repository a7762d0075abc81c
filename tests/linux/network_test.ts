/** Debian's Linux on a network: DHCP and a page through passt, and a TCP connection that survives a failover. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Lockstep } from "../cli/lockstep_process.ts";
import { hasQemu } from "../guests/qemu.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { hasPasst, Passt } from "../peers/passt.ts";
import { linuxTest } from "./linux_guest.ts";
import { LinuxMachine, linuxWords } from "./linux_machine.ts";
import { QemuLinux } from "./qemu_linux.ts";
import { assertReplays } from "./replayed.ts";

const WEB_SERVER = new URL("web_server.ts", import.meta.url).pathname;

/** A web server of this host that serves `text`, and its port. */
async function webServer(text: string): Promise<AsyncDisposable & { readonly port: number }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--allow-net=127.0.0.1", WEB_SERVER, text],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    port: Number(new TextDecoder().decode(value)),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
    },
  };
}

/** A test with Linux and another program; ignored when the program is missing. */
function peerTest(missing: string | undefined, name: string, fn: () => Promise<void>): void {
  if (missing === undefined) linuxTest(name, fn);
  else Deno.test({ name: `${name} (${missing} is not installed)`, ignore: true, fn });
}

async function startSwitch(path: string, more: readonly string[] = []): Promise<Lockstep> {
  const fabric = new Lockstep(["switch", `unix:${path}`, ...more]);
  await fabric.says(/Switching frames/);
  return fabric;
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

peerTest(
  hasPasst ? undefined : "passt",
  "through passt Linux gets an address by DHCP and fetches a page of this host; it replays alone",
  () =>
    withFolder(async (folder) => {
      const text = `A page of this host ${crypto.randomUUID()}`;
      await using server = await webServer(text);
      const socket = `${folder}/passt`;
      await using _passt = await Passt.start({
        ...{ socket, address: "10.0.2.15", gateway: "10.0.2.2" },
      });
      const path = `${folder}/switch`;
      await using _fabric = await startSwitch(path, ["--to", `unix:${socket}`]);
      const log = `${folder}/network.log`;
      const page = `http://10.0.2.2:${server.port}/page`;
      await using machine = new LinuxMachine(linuxWords("record", {
        append: `quiet lockstep.script=session lockstep.address=dhcp lockstep.fetch=${page}`,
        words: ["-o", log, "--net", `unix:${path}`],
      }));
      const { code, stdout, stderr } = await machine.end();
      assertEquals(code, 0, stderr + stdout);
      assertMatch(stdout, /lease of 10\.0\.2\.15 obtained from 10\.0\.2\.2/);
      assertMatch(stdout, new RegExp(`session: fetched ${await sha256(text)}`));
      await assertReplays({ log, console: stdout, code });
    }),
);

/** What the peer serves: so many lines of numbers. */
const LINES = 5_000_000;

peerTest(
  hasQemu ? undefined : "QEMU",
  "a TCP connection to Linux on QEMU survives the death of its machine in mid-transfer",
  () =>
    withFolder(async (folder) => {
      const path = `${folder}/switch`;
      await using _fabric = await startSwitch(path);
      await using peer = new QemuLinux("quiet lockstep.address=10.77.0.1/24", path);
      Deno.writeTextFileSync(`${folder}/arbiter`, "");
      const common = ["--arbiter", `${folder}/arbiter`, "--net", `unix:${path}`];
      const socket = `unix:${folder}/primary`;
      await using machine = new LinuxMachine(linuxWords("primary", {
        append: "quiet lockstep.address=10.77.0.2/24",
        words: [...common, "--listen", socket],
      }));
      await machine.process.says(/Backups can join/);
      await using backup = new LinuxMachine(["backup", socket, ...common]);
      await machine.process.says(/has joined: protected/);
      await peer.screen.shows(/~ # /);
      await peer.type(`mkdir /tmp/www; seq ${LINES} >/tmp/www/big; sha256sum /tmp/www/big`);
      const [, digest] = await peer.screen.shows(/([0-9a-f]{64})/);
      await peer.type("httpd -h /tmp/www; echo serving $((6 * 7))");
      await peer.screen.shows(/serving 42/);
      await machine.prompt();
      await machine.type("wget -O - http://10.77.0.1/big | sha256sum; exit\n");
      await machine.screen.shows(/ [1-8]\d%/);
      machine.process.kill("SIGKILL");
      await backup.process.says(/Promoted: goes live in term 2/);
      const [, fetched] = await backup.screen.shows(/([0-9a-f]{64})/);
      assertEquals(fetched, digest);
      // It was in the middle: the end of the transfer is to be seen at the promoted machine only.
      assert(!machine.screen.seen.includes("100%"));
      assertStringIncludes(backup.screen.seen, "100%");
      assertEquals((await backup.end()).code, 0);
    }),
);
