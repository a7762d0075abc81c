import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { GUEST_FILES } from "../../guests/linux/assemble.ts";
import { guestFromCache } from "../../guests/linux/cache.ts";
import { writeManifest } from "../../guests/linux/manifest.ts";
import { Progress } from "../../guests/linux/progress.ts";
import { Trouble } from "../../guests/linux/trouble.ts";
import { withFolder } from "../host/temporary_folder.ts";

const FETCH = new URL("../../guests/linux/fetch.ts", import.meta.url).pathname;

/** Says nothing. */
class Silence extends Progress {
  override step(): void {}
  override detail(): void {}
}

const SUITES = ["forky"];
const packages = [{
  ...{ name: "linux-image-1", version: "1.2-3", architecture: "riscv64", depends: [] },
  ...{ sha256: "00", bytes: 1, path: "" },
}];

/** A cache with a whole guest, which fetches nothing: it has no mirror. */
async function filledCache(cache: string): Promise<void> {
  await Deno.mkdir(`${cache}/guest`, { recursive: true });
  for (const name of Object.values(GUEST_FILES)) {
    await Deno.writeTextFile(`${cache}/guest/${name}`, `The file ${name}`);
  }
  await writeManifest(`${cache}/guest`, { suite: "forky", packages });
}

/** Takes the guest from the cache, and counts how often a mirror was asked for. */
async function take(cache: string, update = false) {
  let asked = 0;
  const mirrors = () => {
    asked += 1;
    return Promise.resolve([]);
  };
  try {
    const wanted = { cache, suites: SUITES, mirrors, update };
    return { asked: () => asked, guest: await guestFromCache(wanted, new Silence()) };
  } catch (error) {
    if (!(error instanceof Trouble) || asked !== 1) throw error;
    return { asked: () => asked, error };
  }
}

Deno.test("a guest that is there is taken without asking a mirror", () =>
  withFolder(async (cache) => {
    await filledCache(cache);
    const { asked, guest } = await take(cache);
    assertEquals(asked(), 0);
    assertEquals(guest?.manifest.suite, "forky");
    assertEquals(guest?.manifest.packages, [
      { name: "linux-image-1", version: "1.2-3", sha256: "00" },
    ]);
  }));

Deno.test("a guest is fetched again when a file was damaged, is missing, or on demand", () =>
  withFolder(async (cache) => {
    await filledCache(cache);
    assertEquals((await take(cache, true)).asked(), 1);
    await Deno.writeTextFile(`${cache}/guest/${GUEST_FILES.disk}`, "written by a machine");
    assertEquals((await take(cache)).asked(), 1);
    await filledCache(cache);
    await Deno.remove(`${cache}/guest/${GUEST_FILES.kernel}`);
    assertEquals((await take(cache)).asked(), 1);
    await filledCache(cache);
    await Deno.writeTextFile(`${cache}/guest/manifest.json`, '{ "half": ');
    assertEquals((await take(cache)).asked(), 1);
  }));

Deno.test("a guest that another recipe has made is not taken", () =>
  withFolder(async (cache) => {
    await filledCache(cache);
    const path = `${cache}/guest/manifest.json`;
    const manifest = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify({ ...manifest, recipe: "older" }));
    assertEquals((await take(cache)).asked(), 1);
  }));

Deno.test("what an interrupted attempt has left is removed, and no guest appears", () =>
  withFolder(async (cache) => {
    await Deno.mkdir(`${cache}/building-abc/scratch`, { recursive: true });
    const { error } = await take(cache);
    assertStringIncludes(`${error}`, "No suite gives a verified riscv64 guest");
    const names = (await Array.fromAsync(Deno.readDir(cache))).map(({ name }) => name);
    assertEquals(names, ["lock"]);
  }));

Deno.test("a host that cannot fetch says why, when there is something to fetch", () =>
  withFolder(async (cache) => {
    const mirrors = () => Promise.reject(new Trouble("host", "Not a Debian host"));
    const wanted = { cache, suites: SUITES, mirrors, update: false };
    const error = await assertRejects(() => guestFromCache(wanted, new Silence()), Trouble);
    assertEquals(error.kind, "host");
    await filledCache(cache);
    assertEquals((await guestFromCache(wanted, new Silence())).manifest.suite, "forky");
  }));

Deno.test("a cache folder that cannot be made is one clear line and exit code 78", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const fetching = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-config", "--allow-read", `--allow-write=${folder}`]
        .concat("--allow-env=XDG_CACHE_HOME,HOME", FETCH),
      env: { XDG_CACHE_HOME: `${folder}/file`, NO_COLOR: "1" },
    });
    const { code, stdout, stderr } = await fetching.output();
    const said = new TextDecoder().decode(stderr);
    assertMatch(said, /^linux: Cannot keep the guest in .*\/file\/lockstep\/linux: .*\n$/);
    assertEquals([code, stdout.length], [78, 0]);
  }));
