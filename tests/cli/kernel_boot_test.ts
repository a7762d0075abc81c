/** `--kernel`, `--initrd` and `--bios` on the command line, with a kernel that prints and powers off or reboots. */
import { assert, assertEquals } from "@std/assert";
import { GuestScript } from "../board/guest_script.ts";
import { kernelFile } from "../board/kernel_file.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { lockstep } from "./lockstep_process.ts";

const DBCN = 0x4442_434e;
const SRST = 0x5352_5354;

/** Says `text`, and ends by a system reset of this type for this reason. */
function kernel(text: string, type = 0, reason = 0): Uint8Array {
  const script = new GuestScript();
  for (const byte of new TextEncoder().encode(text)) script.call(DBCN, 2, byte);
  return kernelFile(script.call(SRST, 0, type, reason).waitForEver().bytes());
}

async function gzip(file: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([file as Uint8Array<ArrayBuffer>]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return await new Response(stream).bytes();
}

Deno.test("a kernel boots over the built-in SBI: named by --kernel or as GUEST, also compressed", async () => {
  await withFolder(async (folder) => {
    const [image, packed] = [`${folder}/Image`, `${folder}/Image.gz`];
    await Deno.writeFile(image, kernel("up\n"));
    await Deno.writeFile(packed, await gzip(kernel("up\n")));
    for (const words of [["--kernel", image], ["--kernel", packed], [image], [packed]]) {
      const { code, stdout, stderr } = await lockstep(["run", ...words]);
      assertEquals([code, stdout], [0, "up\n"], stderr);
    }
  });
});

Deno.test("a kernel that reports a system failure ends lockstep with exit code 1", async () => {
  await withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/Image`, kernel("", 0, 1));
    assertEquals((await lockstep(["run", "--kernel", `${folder}/Image`])).code, 1);
  });
});

Deno.test("a kernel that boots is recorded with its initrd, and its replay is the same", async () => {
  await withFolder(async (folder) => {
    const [image, initrd, log] = [`${folder}/Image`, `${folder}/initrd`, `${folder}/log`];
    await Deno.writeFile(image, kernel("once\n"));
    // Bytes that do not compress, to be seen twice in the log or not.
    const bytes = new Uint8Array(2 ** 20);
    for (let at = 0; at < bytes.length; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    }
    await Deno.writeFile(initrd, bytes);
    const words = ["--kernel", image, "--initrd", initrd, "--ram", "32"];
    const recorded = await lockstep(["record", ...words, "-o", log]);
    assertEquals([recorded.code, recorded.stdout], [0, "once\n"], recorded.stderr);
    const replayed = await lockstep(["replay", log]);
    assertEquals([replayed.code, replayed.stdout], [0, "once\n"], replayed.stderr);
    const { size } = await Deno.stat(log);
    assert(size < 1.6 * bytes.length, `The log has ${size} bytes for an initrd of ${bytes.length}`);
  });
});

interface Refusal {
  readonly what: string;
  readonly words: (folder: string) => readonly string[];
  readonly code: number;
  readonly line: string;
}

const refusals: readonly Refusal[] = [
  { what: "neither guest nor kernel", words: () => [], code: 64, line: "GUEST is missing" },
  {
    what: "both guest and kernel",
    words: (folder) => ["hello", "--kernel", `${folder}/Image`],
    code: 64,
    line: "which one is to boot",
  },
  {
    what: "an initrd without a kernel",
    words: (folder) => ["hello", "--initrd", `${folder}/Image`],
    code: 64,
    line: "--initrd belongs to a kernel",
  },
  {
    what: "firmware without a kernel",
    words: (folder) => ["hello", "--bios", `${folder}/Image`],
    code: 64,
    line: "--bios FILE runs before a kernel",
  },
  {
    what: "a kernel without firmware",
    words: (folder) => ["--kernel", `${folder}/Image`, "--bios", "none"],
    code: 64,
    line: "A kernel needs firmware",
  },
  {
    what: "a kernel that is not there",
    words: (folder) => ["--kernel", `${folder}/missing`],
    code: 65,
    line: "Cannot read the kernel",
  },
  {
    what: "an initrd that is not there",
    words: (folder) => ["--kernel", `${folder}/Image`, "--initrd", `${folder}/missing`],
    code: 65,
    line: "Cannot read the initrd",
  },
  {
    what: "firmware that is not there",
    words: (folder) => ["--kernel", `${folder}/Image`, "--bios", `${folder}/missing`],
    code: 65,
    line: "Cannot read the firmware",
  },
  {
    what: "a kernel for x86",
    words: (folder) => ["--kernel", `${folder}/bzImage`],
    code: 65,
    line: "it is a kernel for x86",
  },
  {
    what: "a kernel for x86 as GUEST",
    words: (folder) => [`${folder}/bzImage`],
    code: 65,
    line: "it is a kernel for x86",
  },
  {
    what: "damaged compression",
    words: (folder) => ["--kernel", `${folder}/damaged.gz`],
    code: 65,
    line: "its gzip data is damaged",
  },
  {
    what: "too little RAM",
    words: (folder) => ["--kernel", `${folder}/Image`, "--ram", "2"],
    code: 65,
    line: "needs 4 MiB of RAM",
  },
];

for (const { what, words, code, line } of refusals) {
  Deno.test(`${what} is one clear line and exit code ${code}`, async () => {
    await withFolder(async (folder) => {
      await Deno.writeFile(`${folder}/Image`, kernel(""));
      const foreign = new Uint8Array(0x1000);
      foreign.set(new TextEncoder().encode("HdrS"), 0x202);
      await Deno.writeFile(`${folder}/bzImage`, foreign);
      const packed = await gzip(kernel(""));
      await Deno.writeFile(`${folder}/damaged.gz`, packed.subarray(0, packed.length - 9));
      const ended = await lockstep(["run", ...words(folder)]);
      assertEquals(ended.code, code, ended.stderr);
      assertEquals(ended.stderr.split("\n").length, 2, ended.stderr);
      assert(ended.stderr.startsWith("lockstep: ") && ended.stderr.includes(line), ended.stderr);
    });
  });
}
