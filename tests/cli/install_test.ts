import { assertEquals, assertMatch } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";

const PROJECT = new URL("../../", import.meta.url).pathname;

async function run(command: string, words: readonly string[], folder: string) {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...words],
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

async function install(folder: string): Promise<string> {
  const script = `${PROJECT}lib/cli/install.ts`;
  const permissions = ["--allow-read", "--allow-write", "--allow-env=HOME,PATH"];
  const { code, stdout } = await run(
    Deno.execPath(),
    ["run", "--no-prompt", ...permissions, script, `${folder}/bin`],
    folder,
  );
  assertEquals(code, 0);
  assertMatch(stdout, /^Installed .*\/bin\/lockstep\nAdd it to the PATH: /);
  return `${folder}/bin/lockstep`;
}

Deno.test("the installed lockstep runs from any folder, with files of that folder", () =>
  withFolder(async (folder) => {
    const installed = await install(folder);
    assertMatch((await run(installed, ["--version"], folder)).stdout, /^lockstep \d/);
    assertEquals((await run(installed, ["record", "hello", "-o", "h.log"], folder)).code, 0);
    assertEquals((await run(installed, ["replay", `${folder}/h.log`], folder)).code, 0);
  }));

Deno.test("the installed lockstep may use the sockets that its arguments name", () =>
  withFolder(async (folder) => {
    const installed = await install(folder);
    for (const socket of ["unix:there is none", `unix:${folder}/none`]) {
      const { code, stderr } = await run(installed, ["backup", socket], folder);
      assertEquals(code, 69);
      assertMatch(stderr, /there is no such socket; start the other side first/);
    }
    const network = ["run", "hello", "--net", "unix:none,mac=02:00:00:00:00:01"];
    assertMatch((await run(installed, network, folder)).stderr, /there is no such socket/);
    const unknown = ["run", "hello", "--net", "unix:none,port=1"];
    assertMatch((await run(installed, unknown, folder)).stderr, /--net takes no port=, only mac=/);
    const comma = await run(installed, ["switch", "unix:a,b"], folder);
    assertMatch(comma.stderr, /^lockstep: Cannot listen at unix:a,b: Deno .* without commas\n$/);
    assertMatch(
      (await run(installed, ["switch", "unix:absent/socket"], folder)).stderr,
      /^lockstep: Cannot listen at unix:absent\/socket: its folder does not exist; check the path\n$/,
    );
    const { stderr } = await run(installed, ["primary", "hello", `--to=unix:none`], folder);
    assertMatch(stderr, /there is no such socket; start the other side first/);
  }));
