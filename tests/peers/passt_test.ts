/** Programs of this host reach a guest through `passt`, with and without a switch between. */
import { assertEquals } from "@std/assert";
import { Lockstep } from "../cli/lockstep_process.ts";
import { guestMac } from "../guests/net_client.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { hasPasst, Passt } from "./passt.ts";

const CLIENT = new URL("datagram_client.ts", import.meta.url).pathname;

async function converse(port: number): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--allow-net=127.0.0.1,0.0.0.0", CLIENT]
      .concat(`${port}`, "200"),
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout) || new TextDecoder().decode(stderr);
}

async function through(folder: string, network: (passt: string) => Promise<string>) {
  const socket = `${folder}/passt`;
  const options = (port: number) => ["--udp-ports", `${port}:7000`];
  await using passt = await Passt.start({
    ...{ socket, address: "10.77.0.10", gateway: "10.77.0.1", options },
  });
  const path = await network(socket);
  await using machine = new Lockstep(["run", "net", "--net", `unix:${path},mac=${guestMac}`]);
  assertEquals(await converse(passt.port), '{"answered":200}\n');
  assertEquals((await machine.end()).code, 0);
}

const passtHere = hasPasst ? "" : " (passt is not installed)";

Deno.test({
  name: `a program of this host converses with a guest through passt${passtHere}`,
  ignore: !hasPasst,
  fn: () => withFolder((folder) => through(folder, (passt) => Promise.resolve(passt))),
});

Deno.test({
  name: `a program of this host converses with a guest through passt and the switch${passtHere}`,
  ignore: !hasPasst,
  fn: () =>
    withFolder(async (folder) => {
      const processes: Lockstep[] = [];
      await through(folder, async (passt) => {
        const path = `${folder}/switch`;
        const fabric = new Lockstep(["switch", `unix:${path}`, "--to", `unix:${passt}`]);
        processes.push(fabric);
        await fabric.says(/Switching frames/);
        return path;
      }).finally(() => Promise.all(processes.map((each) => each[Symbol.asyncDispose]())));
    }),
});
