import { assert, assertEquals, assertThrows } from "@std/assert";
import { HostFileError } from "../../lib/host/fault.ts";
import { Fence } from "../../lib/replica/fence.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { ChildScript } from "./child_script.ts";

const FENCE = JSON.stringify(import.meta.resolve("../../lib/replica/fence.ts"));

/** A process that holds the fence on `path` until it is killed. */
async function holder(folder: string, path: string, before = ""): Promise<ChildScript> {
  const child = await ChildScript.start(
    folder,
    `import { Fence } from ${FENCE};
     const fence = Fence.try([${JSON.stringify(path)}]);
     ${before}
     console.log(fence === undefined ? "busy" : "held");
     setInterval(() => {}, 1000);
     void fence;`,
    [`--allow-read=${folder}`, `--allow-write=${folder}`, "--allow-run=sleep"],
  );
  return child;
}

Deno.test("only one holds the fence, also among two openings by one process", () =>
  withFolder((folder) => {
    const path = file(folder, "disk.img");
    const fence = held(Fence.try([path]));
    assertEquals(fence.paths, [Deno.realPathSync(path)]);
    assertEquals(Fence.try([path]), undefined);
    fence.release();
    fence.release();
    assert(!fence.isInPlace());
    const next = held(Fence.try([path]));
    next.release();
  }));

Deno.test("a link to the image is the same fence", () =>
  withFolder((folder) => {
    const path = file(folder, "disk.img");
    // Deno.symlinkSync wants to write everywhere.
    new Deno.Command("ln", { args: ["-s", path, `${folder}/link.img`] }).outputSync();
    const fence = Fence.try([`${folder}/link.img`])!;
    assertEquals(fence.paths, [Deno.realPathSync(path)]);
    assertEquals(Fence.try([path]), undefined);
    fence.release();
  }));

Deno.test("several files are locked all or none", () =>
  withFolder((folder) => {
    const [a, b, c] = ["a", "b", "c"].map((name) => file(folder, name)) as [string, string, string];
    const middle = Fence.try([b])!;
    assertEquals(Fence.try([c, b, a]), undefined);
    for (const path of [a, c]) {
      const free = held(Fence.try([path]), `${path} stayed locked`);
      free.release();
    }
    middle.release();
    const all = Fence.try([c, b, a])!;
    assertEquals(all.paths, [a, b, c].map((path) => Deno.realPathSync(path)));
    assertEquals(all.identities.length, 3);
    for (const path of [a, b, c]) assertEquals(Fence.try([path]), undefined);
    all.release();
  }));

Deno.test("a file that is missing is an error that leaves nothing locked", () =>
  withFolder((folder) => {
    const path = file(folder, "disk.img");
    assertThrows(() => Fence.try([path, `${folder}/none`]), HostFileError, "does not exist");
    const fence = held(Fence.try([path]));
    fence.release();
  }));

Deno.test("the same file named twice is an error, not a deadlock with itself", () =>
  withFolder((folder) => {
    const path = file(folder, "disk.img");
    assertThrows(() => Fence.try([path, path]), HostFileError, "named twice");
    Deno.linkSync(path, `${folder}/hard.img`);
    assertThrows(() => Fence.try([path, `${folder}/hard.img`]), HostFileError, "named twice");
    const fence = held(Fence.try([path]));
    fence.release();
  }));

Deno.test("a fence whose file is exchanged under its path is no longer in place", () =>
  withFolder((folder) => {
    const path = file(folder, "disk.img");
    const fence = Fence.try([path])!;
    assert(fence.isInPlace());
    Deno.renameSync(path, `${path}.old`);
    assert(!fence.isInPlace());
    file(folder, "disk.img");
    assert(!fence.isInPlace());
    fence.release();
  }));

Deno.test("waiting for the fence gets it soon after it is freed", () =>
  withFolder(async (folder) => {
    const path = file(folder, "disk.img");
    const first = Fence.try([path])!;
    setTimeout(() => first.release(), 30);
    const second = held(await Fence.acquire([path], { milliseconds: 5000 }));
    second.release();
  }));

Deno.test("waiting for the fence ends after its time, or when it is called off", () =>
  withFolder(async (folder) => {
    const path = file(folder, "disk.img");
    const fence = Fence.try([path])!;
    assertEquals(await Fence.acquire([path], { milliseconds: 20 }), undefined);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    const begun = performance.now();
    const none = await Fence.acquire([path], { milliseconds: 60_000, signal: stop.signal });
    assertEquals(none, undefined);
    assert(performance.now() - begun < 10_000);
    fence.release();
  }));

Deno.test("kill -9 of the holder frees the fence", () =>
  withFolder(async (folder) => {
    const path = file(folder, "disk.img");
    await using child = await holder(folder, path);
    assertEquals(await child.line(), "held");
    assertEquals(Fence.try([path]), undefined);
    child.kill("SIGKILL");
    const fence = held(await Fence.acquire([path], { milliseconds: 5000 }));
    fence.release();
  }));

Deno.test("a stopped holder keeps the fence", () =>
  withFolder(async (folder) => {
    const path = file(folder, "disk.img");
    await using child = await holder(folder, path);
    assertEquals(await child.line(), "held");
    child.kill("SIGSTOP");
    assertEquals(await Fence.acquire([path], { milliseconds: 50 }), undefined);
    child.kill("SIGKILL");
    const fence = held(await Fence.acquire([path], { milliseconds: 5000 }));
    fence.release();
  }));

Deno.test("a child of the holder does not inherit the fence", () =>
  withFolder(async (folder) => {
    const path = file(folder, "disk.img");
    const spawn = `
      const child = new Deno.Command("sleep", { args: ["60"], stdin: "null" }).spawn();
      console.log(child.pid);`;
    await using child = await holder(folder, path, spawn);
    const sleeper = Number(await child.line());
    try {
      assertEquals(await child.line(), "held");
      child.kill("SIGKILL");
      const fence = held(
        await Fence.acquire([path], { milliseconds: 5000 }),
        "The holder is dead and its child keeps the lock",
      );
      fence.release();
    } finally {
      Deno.kill(sleeper, "SIGKILL");
    }
  }));

function held(fence: Fence | undefined, otherwise = "The fence is busy"): Fence {
  assert(fence !== undefined, otherwise);
  return fence!;
}

function file(folder: string, name: string): string {
  const path = `${folder}/${name}`;
  Deno.writeFileSync(path, new Uint8Array(512));
  return path;
}
