/** `lockstep debug` from the command line: where it listens, and what it refuses. */
import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { request } from "../debug/gdb_client.ts";
import { recordGuest } from "../replay/recording.ts";
import { lockstep } from "./lockstep_process.ts";

const { log } = await recordGuest("hello");

async function withLog(test: (path: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/run.log`, log);
    await test(`${folder}/run.log`);
  });
}

Deno.test("addresses that others can reach are refused, and what is no address", () =>
  withLog(async (path) => {
    const addresses = ["0.0.0.0:1234", "192.0.2.1:1234", "[::]:1234", "example.org:1234"];
    for (const address of [...addresses, ":1234", "1234", "127.0.0.1:99999", "127.0.0.1:"]) {
      const { code, stderr } = await lockstep(["debug", path, "--listen", address]);
      assertEquals(code, 64, address);
      assertMatch(stderr, /^lockstep: --listen must be a port of this host alone/);
    }
  }));

Deno.test("a log that is not there, is none, or ends too early is refused in a line", () =>
  withLog(async (path) => {
    await Deno.writeFile(`${path}.short`, log.subarray(0, 200));
    await Deno.writeTextFile(`${path}.text`, "This is no log\n");
    for (const suffix of [".absent", ".short", ".text"]) {
      const { code, stderr } = await lockstep(["debug", `${path}${suffix}`]);
      assertEquals(code, 65, suffix);
      assertMatch(stderr, /^lockstep: [^\n]+\n$/);
    }
    const { code, stderr } = await lockstep(["debug", path, "--at", "epoch:99999"]);
    assertEquals(code, 65);
    assertMatch(stderr, /^lockstep: The log does not reach epoch 99999/);
  }));

Deno.test("on standard input and output it says nothing but packets, and ends with its input", () =>
  withLog(async (path) => {
    for (const words of [["debug", path], ["debug", path, "-"]]) {
      const stdin = new TextDecoder().decode(request("qC"));
      const { code, stdout, stderr } = await lockstep(words, { stdin });
      assertEquals([code, stdout, stderr], [0, "+$QC1#c5", ""]);
    }
    assertEquals((await lockstep(["debug", path, "elsewhere"])).code, 64);
  }));

Deno.test("checkpoints of another run, and a file that holds none, are ignored in a line", () =>
  withLog(async (path) => {
    const files = {
      "they belong to another run": JSON.stringify({ version: 1, run: "ff", checkpoints: [] }),
      "the file is no JSON": "{",
      "it does not say version 1": "[]",
      "it does not hold checkpoints": JSON.stringify({
        version: 1,
        run: await runOf(path),
        checkpoints: [{ number: 1, step: -1 }],
      }),
    };
    for (const [reason, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${path}.checkpoints`, text);
      const { code, stderr } = await lockstep(["debug", path], { stdin: "" });
      assertEquals(code, 0);
      assertEquals(stderr, `lockstep: Checkpoints ${path}.checkpoints are ignored: ${reason}\n`);
    }
  }));

async function runOf(path: string): Promise<string> {
  const { stdout } = await lockstep(["inspect", path, "--json"]);
  return JSON.parse(stdout.split("\n")[0]!).run;
}
