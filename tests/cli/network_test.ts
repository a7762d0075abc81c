/** Machines on a network of this host: the switch, QEMU as a peer, and failovers in mid-conversation. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { guestMac } from "../guests/net_client.ts";
import { hasQemu, runOnQemu } from "../guests/qemu.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { Lockstep, lockstep } from "./lockstep_process.ts";

const STATION = new URL("net_station.ts", import.meta.url).pathname;

/** What a station has to say at its end. */
interface Conversation {
  readonly answered: number;
  readonly wrong?: string;
  readonly checksum: string;
  readonly announcements: number;
}

/** A process that converses with the guest over the switch. */
class Station implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: Promise<string>;
  #said = "";

  constructor(what: "converse" | "garble", path: string, ...more: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-check", `--allow-net=unix:${path}`, "--allow-read"]
        .concat("--allow-write", STATION, what, path, ...more),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = new Response(this.#child.stdout).text();
    void this.#listen();
  }

  /** Lets it send so many messages. */
  async allow(count: number): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${count}`));
  }

  /** Waits until so many messages are answered. */
  async answered(count: number): Promise<void> {
    const deadline = performance.now() + 30_000;
    for (;;) {
      const last = this.#said.match(/answered \d+/g)?.at(-1)?.slice(9);
      if (Number(last ?? 0) >= count) return;
      if (performance.now() > deadline) throw new Error(`Only ${last} of ${count}: ${this.#said}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Waits for its end. */
  async end(): Promise<Conversation> {
    const output = await this.#output;
    if (output === "") throw new Error(`The station has failed: ${this.#said}`);
    return JSON.parse(output);
  }

  async gone(): Promise<void> {
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has left by itself.
    }
    await this.#child.status;
    await this.#output;
    await this.#input.close().catch(() => {});
  }

  async #listen(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#said += text;
    }
  }
}

async function startSwitch(path: string): Promise<Lockstep> {
  const process = new Lockstep(["switch", `unix:${path}`]);
  await process.says(/Switching frames/);
  return process;
}

/** Starts the guest as a server. */
function serve(path: string): Lockstep {
  return new Lockstep(["run", "net", "--net", `unix:${path},mac=${guestMac}`]);
}

function onSwitch(path: string, mac: string): readonly string[] {
  return [
    ...["-netdev", `stream,id=net,server=off,addr.type=unix,addr.path=${path}`],
    ...["-device", `virtio-net-device,netdev=net,mac=${mac}`],
  ];
}

Deno.test("two machines converse over the switch, and the recorded one replays without it", () =>
  withFolder(async (folder) => {
    const path = `${folder}/switch`;
    await using fabric = await startSwitch(path);
    await using _server = serve(path);
    await fabric.says(/Peer 1 has come/);
    const log = `${folder}/log`;
    const words = ["record", "net", "--append", "ask=10 count=150", "-o", log];
    const client = await lockstep([...words, "--net", `unix:${path}`]);
    assertEquals(client.code, 0, client.stderr);
    assertMatch(client.stdout, /net: asked station 10, 150 messages, checksum [0-9a-f]+\n$/);
    const replay = await lockstep(["replay", log]);
    assertEquals([replay.code, replay.stdout], [0, client.stdout], replay.stderr);
    const inspected = await lockstep(["inspect", log]);
    assertMatch(inspected.stdout, /network 02:/);
    assertMatch(inspected.stdout, /frames 1/);
  }));

Deno.test({
  name: "QEMU converses with machines over the switch, as server and as client" +
    (hasQemu ? "" : " (QEMU is not installed)"),
  ignore: !hasQemu,
  fn: () =>
    withFolder(async (folder) => {
      const path = `${folder}/switch`;
      await using fabric = await startSwitch(path);
      await using _server = serve(path);
      await fabric.says(/Peer 1 has come/);
      const client = await runOnQemu("net", {
        bootArguments: "ask=10 count=100",
        options: onSwitch(path, "52:54:00:00:00:0b"),
      });
      assertEquals(client.code, 0);
      assertStringIncludes(new TextDecoder().decode(client.console), "asked station 10, 100 mess");
      const server = runOnQemu("net", { options: onSwitch(path, "52:54:00:00:00:0c") });
      await fabric.says(/Peer 3 has come/);
      const asked = await lockstep([
        ...["run", "net", "--append", "ask=12 count=100", "--net", `unix:${path}`],
      ]);
      assertEquals(asked.code, 0, asked.stderr);
      await using station = new Station("converse", path, "0", "52:54:00:00:00:0c");
      await station.end();
      assertStringIncludes(
        new TextDecoder().decode((await server).console),
        "net: ended after 100 messages",
      );
    }),
});

Deno.test("a conversation survives its machine, which announces itself where it goes on", () =>
  withFolder(async (folder) => {
    const path = `${folder}/switch`;
    await using fabric = await startSwitch(path);
    Deno.writeTextFileSync(`${folder}/arbiter`, "");
    const network = ["--net", `unix:${path}`, "--arbiter", `${folder}/arbiter`];
    const console = ["--console", `${folder}/console`];
    const socket = (number: number) => `unix:${folder}/${number}`;
    const guest = ["net", "--net", `unix:${path},mac=${guestMac}`, ...network.slice(2)];
    await using primary = new Lockstep(["primary", ...guest, ...console, "--listen", socket(1)]);
    await primary.says(/Backups can join/);
    await using first = new Lockstep([
      ...["backup", socket(1), ...network, ...console, "--listen", socket(2)],
    ]);
    await primary.says(/has joined: protected/);
    await using station = new Station("converse", path, "1500", guestMac, "700");
    await station.answered(200);
    primary.kill("SIGKILL");
    await first.says(/Backups can join at/);
    await using second = new Lockstep(["backup", socket(2), ...network, ...console]);
    await first.says(/has joined: protected/);
    await station.answered(700);
    await station.allow(1500);
    await station.answered(900);
    first.kill("SIGKILL");
    const { answered, wrong, checksum, announcements } = await station.end();
    assertEquals([answered, wrong], [1500, undefined]);
    assert(announcements >= 2, `${announcements} announcements`);
    assertEquals((await second.end()).code, 0);
    const shown = Deno.readTextFileSync(`${folder}/console`);
    assertStringIncludes(shown, `net: ended after 1500 messages, checksum ${checksum}\n`);
    assertEquals(shown.match(/^net: 700 messages/gm)?.length, 1);
    await fabric.says(/Peer 4 has come/);
  }));

Deno.test("a switch that dies and comes back finds its machines again, and nobody else notices", () =>
  withFolder(async (folder) => {
    const path = `${folder}/switch`;
    const fabric = await startSwitch(path);
    await using machine = serve(path);
    await using station = new Station("converse", path, "600", guestMac, "200");
    await station.answered(100);
    fabric.kill("SIGKILL");
    await fabric[Symbol.asyncDispose]();
    await machine.says(/Lost the network/);
    await using _again = await startSwitch(path);
    await machine.says(/Connected to unix:/);
    await station.allow(600);
    assertEquals((await station.end()).wrong, undefined);
    assertEquals((await machine.end()).code, 0);
  }));

Deno.test("a peer that breaks the framing is cut off, and the others go on", () =>
  withFolder(async (folder) => {
    const path = `${folder}/switch`;
    await using fabric = await startSwitch(path);
    await using machine = serve(path);
    await fabric.says(/Peer 1 has come/);
    await using garbler = new Station("garble", path);
    await garbler.gone();
    await fabric.says(/Peer 2 is gone: A frame of 1195725856 bytes, must have 14 to 69632/);
    await using station = new Station("converse", path, "50");
    assertEquals((await station.end()).answered, 50);
    assertEquals((await machine.end()).code, 0);
  }));

Deno.test("a switch ends at SIGTERM, and takes its socket with it", () =>
  withFolder(async (folder) => {
    const path = `${folder}/switch`;
    await using fabric = await startSwitch(path);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    const taken = await lockstep(["switch", `unix:${path}`]);
    assertEquals(taken.code, 69);
    assertStringIncludes(taken.stderr, "another process listens there");
    fabric.kill("SIGTERM");
    assertEquals((await fabric.end()).code, 0);
    assertEquals([...Deno.readDirSync(folder)].length, 0);
  }));

Deno.test("two switches that are connected are one network", () =>
  withFolder(async (folder) => {
    await using _far = await startSwitch(`${folder}/far`);
    const words = ["switch", `unix:${folder}/near`, "--to", `unix:${folder}/far`];
    await using near = new Lockstep(words);
    await near.says(/Switching frames/);
    await using machine = serve(`${folder}/far`);
    await using station = new Station("converse", `${folder}/near`, "30");
    assertEquals((await station.end()).answered, 30);
    assertEquals((await machine.end()).code, 0);
  }));

Deno.test("networks that are not there or make no sense end in one line", () =>
  withFolder(async (folder) => {
    const cases: readonly [readonly string[], number, string][] = [
      [["run", "net", "--net", `unix:${folder}/none`], 69, "start the other side first"],
      [["run", "net", "--net", "tap0"], 64, "--net takes unix:PATH"],
      [["run", "net", "--net", "none,mac=03:00:00:00:00:01"], 64, "single station"],
      [["run", "net", "--net", "none,mac=02:00"], 64, "six bytes"],
      [["switch", `${folder}/plain`], 64, "SOCKET is unix:PATH"],
      [["switch", `unix:${folder}/s`, "--to", `unix:${folder}/none`], 69, "start the other side"],
    ];
    for (const [words, code, message] of cases) {
      const ended = await lockstep(words);
      assertEquals(ended.code, code, ended.stderr);
      assertStringIncludes(ended.stderr, message);
      assertEquals(ended.stderr.trim().split("\n").length, 1, ended.stderr);
    }
  }));

Deno.test("a backup must say where the machine's network is", () =>
  withFolder(async (folder) => {
    const log = `${folder}/log`;
    const words = ["record", "net", "--net", "none", "--append", "ask=10 count=0", "-o", log];
    assertEquals((await lockstep(words)).code, 0);
    const silent = await lockstep(["backup", log]);
    assertEquals(silent.code, 65);
    assertStringIncludes(silent.stderr, "name its socket with --net");
    const renamed = await lockstep(["backup", log, "--net", "none,mac=02:00:00:00:00:01"]);
    assertEquals(renamed.code, 64);
    assertEquals((await lockstep(["backup", log, "--net", "none"])).code, 0);
    const other = `${folder}/other`;
    assertEquals((await lockstep(["record", "hello", "-o", other])).code, 0);
    const surplus = await lockstep(["backup", other, "--net", `unix:${folder}/socket`]);
    assertEquals(surplus.code, 64);
    assertStringIncludes(surplus.stderr, "The machine has no network device: leave --net out");
  }));
