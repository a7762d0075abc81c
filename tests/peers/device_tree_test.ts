/** Our device tree beside that of QEMU's `virt`, node by node, and what `dtc` says of both. */
import { assert, assertEquals } from "@std/assert";
import { boardTree } from "../../lib/board/board_tree.ts";
import { parseTree, type Tree } from "../board/tree_reader.ts";
import { withFolder } from "../host/temporary_folder.ts";

const ramBytes = 256 * 2 ** 20;
const bootArguments = "console=ttyS0 quiet";

/** A property by its path, and why ours is another than QEMU's, or missing on one side. */
const differences: readonly (readonly [path: RegExp, reason: string])[] = [
  [/^\/model$/, "Another machine has another name"],
  [/^\/(fw-cfg|flash|platform-bus)@/, "The board has no such devices"],
  [/^\/soc\/pci@/, "The board has no PCI"],
  [/^\/pmu\//, "Without Sscofpmf and event counters there is nothing to map"],
  [
    /^\/chosen\/rng-seed$/,
    "A seed from the host would not be in the log; the guest has virtio-rng",
  ],
  [/^\/cpus\/cpu@0\/riscv,isa$/, "Another set of extensions"],
  [/^\/cpus\/cpu@0\/riscv,isa-(base|extensions)$/, "Newer than QEMU 7.2, and preferred by Linux"],
  [/^\/cpus\/cpu@0\/mmu-type$/, "Sv39, where QEMU has Sv48 or Sv57"],
];

/** Every property by its path, as hexadecimal digits. */
function properties(tree: Tree, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of Object.entries(tree)) {
    if (value instanceof Uint8Array) {
      found.set(`${path}/${name}`, value.toHex());
    } else {
      for (const [inner, bytes] of properties(value, `${path}/${name}`)) found.set(inner, bytes);
    }
  }
  return found;
}

async function installed(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch {
    if (Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1") {
      throw new Error(`${program} is not installed`);
    }
    return false;
  }
}

async function qemuTree(folder: string): Promise<Uint8Array> {
  const file = `${folder}/qemu.dtb`;
  const { success, stderr } = await new Deno.Command("qemu-system-riscv64", {
    args: [
      ...["-M", `virt,dumpdtb=${file}`, "-m", `${ramBytes / 2 ** 20}`, "-display", "none"],
      ...[
        "-bios",
        "none",
        "-kernel",
        new URL("../../fixtures/hello.elf", import.meta.url).pathname,
      ],
      ...["-append", bootArguments],
    ],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return await Deno.readFile(file);
}

/** What `dtc` warns about, without the name of the file. */
async function warnings(file: string): Promise<readonly string[]> {
  const { success, stderr } = await new Deno.Command("dtc", {
    args: ["-I", "dtb", "-O", "dtb", "-o", "/dev/null", file],
  }).output();
  const lines = new TextDecoder().decode(stderr).split("\n").filter((line) => line !== "");
  assert(success, lines.join("\n"));
  return lines.map((line) => line.replace(/^.*?: /, ""));
}

const hasQemu = await installed("qemu-system-riscv64");
const hasCompiler = await installed("dtc");

Deno.test({
  name: hasQemu
    ? "the device tree is QEMU's, but for what is told"
    : "the device tree is QEMU's (ignored: qemu-system-riscv64 is not installed)",
  ignore: !hasQemu,
  async fn() {
    await withFolder(async (folder) => {
      const theirs = properties(parseTree(await qemuTree(folder)));
      const ours = properties(
        parseTree(boardTree({ ramBytes, disks: [], bills: false, bootArguments })),
      );
      const paths = [...new Set([...theirs.keys(), ...ours.keys()])];
      const different = paths.filter((path) => theirs.get(path) !== ours.get(path));
      const untold = different.filter((path) => !differences.some(([told]) => told.test(path)));
      assertEquals(untold.map((path) => [path, ours.get(path), theirs.get(path)]), []);
    });
  },
});

Deno.test({
  name: hasQemu && hasCompiler
    ? "dtc warns of nothing in the device tree that it does not warn of in QEMU's"
    : "dtc reads the device tree (ignored: dtc or qemu-system-riscv64 is not installed)",
  ignore: !hasQemu || !hasCompiler,
  async fn() {
    await withFolder(async (folder) => {
      await qemuTree(folder);
      const known = new Set(await warnings(`${folder}/qemu.dtb`));
      const initrd = { start: 0x8820_0000, end: 0x8830_0000 };
      await Deno.writeFile(
        `${folder}/ours.dtb`,
        boardTree({ ramBytes, disks: [], bills: false, bootArguments }, initrd),
      );
      const ours = await warnings(`${folder}/ours.dtb`);
      assertEquals(ours.filter((line) => !known.has(line)), []);
    });
  },
});
