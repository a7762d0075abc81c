import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Progress } from "../../guests/linux/progress.ts";
import { fetchSuite, SUITES } from "../../guests/linux/suites.ts";
import { Trouble } from "../../guests/linux/trouble.ts";
import { withFolder } from "../host/temporary_folder.ts";

const hasApt = await Deno.stat("/usr/bin/apt-get").then(() => true, () => false);
if (!hasApt && Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1") {
  throw new Error("There is no apt-get");
}

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Keeps what is said. */
class Heard extends Progress {
  readonly steps: string[] = [];
  override step(text: string): void {
    this.steps.push(text);
  }
  override detail(): void {}
}

Deno.test({
  name: `suites whose signature does not verify are refused, one after the other${
    hasApt ? "" : " (no apt-get here)"
  }`,
  ignore: !hasApt,
  fn: () =>
    withFolder(async (folder) => {
      const packages = "main/binary-riscv64/Packages";
      const digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
      for (const suite of SUITES) {
        const place = `${folder}/mirror/dists/${suite}`;
        await Deno.mkdir(`${place}/main/binary-riscv64`, { recursive: true });
        await Deno.writeTextFile(`${place}/${packages}`, "");
        const fields = `Suite: ${suite}\nComponents: main\nArchitectures: riscv64\n`;
        const text =
          `${fields}Date: Sat, 28 Nov 2026 00:00:00 UTC\nSHA256:\n ${digest} 0 ${packages}\n`;
        await Deno.writeTextFile(`${place}/Release`, text);
      }
      const heard = new Heard();
      const mirror = { uri: `file:${folder}/mirror`, keyring: KEYRING };
      const error = await assertRejects(
        () => fetchSuite(SUITES, `${folder}/apt`, [mirror], heard),
        Trouble,
      );
      assertEquals(error.kind, "mirror");
      for (const suite of SUITES) {
        assert(heard.steps.some((step) => step.startsWith(`Not from ${suite}: `)), suite);
        assertStringIncludes(error.message, `${suite}: `);
      }
      assertStringIncludes(error.message, "is not signed");
    }),
});
