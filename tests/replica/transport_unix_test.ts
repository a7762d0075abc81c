import { assertEquals } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";
import { SCENARIOS } from "./transport_unix_scenarios.ts";

const SCRIPT = new URL("transport_unix_scenarios.ts", import.meta.url).pathname;

for (const name of Object.keys(SCENARIOS)) {
  Deno.test(`sockets: ${name}`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/socket`;
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", "--no-check", `--allow-net=unix:${path}`]
          .concat(`--allow-read=${folder}`, `--allow-write=${folder}`, SCRIPT, name, path),
        stdout: "inherit",
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
    }));
}
