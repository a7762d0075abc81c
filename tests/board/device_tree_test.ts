import { assertEquals } from "@std/assert";
import { boardTree } from "../../lib/board/board_tree.ts";
import { parseTree, type Tree } from "./tree_reader.ts";

function find(tree: Tree, path: string): Uint8Array | undefined {
  let node: Tree | Uint8Array | undefined = tree;
  for (const name of path.split("/")) {
    node = node instanceof Uint8Array ? undefined : node?.[name];
  }
  return node as Uint8Array | undefined;
}

const cells = (bytes: Uint8Array | undefined) => {
  const view = new DataView(bytes!.buffer);
  return Array.from({ length: bytes!.length / 4 }, (_, index) => view.getUint32(4 * index));
};
const texts = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes).split("\0");

const configuration = { ramBytes: 2 ** 31, disks: [], bills: false };

Deno.test("a device tree blob says how long it is", () => {
  const blob = boardTree(configuration);
  assertEquals(new DataView(blob.buffer).getUint32(4), blob.length);
});

Deno.test("the device tree describes the board with the bindings of QEMU's virt", () => {
  const tree = parseTree(boardTree(configuration));
  assertEquals(texts(find(tree, "compatible")), ["riscv-virtio", ""]);
  assertEquals(cells(find(tree, "memory@80000000/reg")), [0, 0x8000_0000, 0, 0x8000_0000]);
  assertEquals(cells(find(tree, "cpus/timebase-frequency")), [10_000_000]);
  assertEquals(texts(find(tree, "cpus/cpu@0/riscv,isa")), [
    "rv64imafdc_zicntr_zicsr_zifencei",
    "",
  ]);
  assertEquals(texts(find(tree, "cpus/cpu@0/riscv,isa-base")), ["rv64i", ""]);
  assertEquals(texts(find(tree, "cpus/cpu@0/riscv,isa-extensions")), [
    ...["i", "m", "a", "f", "d", "c", "zicntr", "zicsr", "zifencei"],
    "",
  ]);
  assertEquals(texts(find(tree, "cpus/cpu@0/mmu-type")), ["riscv,sv39", ""]);
  assertEquals(cells(find(tree, "soc/serial@10000000/interrupts")), [10]);
  assertEquals(cells(find(tree, "soc/serial@10000000/reg")), [0, 0x1000_0000, 0, 0x100]);
  assertEquals(cells(find(tree, "soc/rtc@101000/interrupts")), [11]);
  assertEquals(texts(find(tree, "soc/test@100000/compatible")), [
    "sifive,test1",
    "sifive,test0",
    "syscon",
    "",
  ]);
  assertEquals(cells(find(tree, "soc/virtio_mmio@10008000/interrupts")), [8]);
  assertEquals(cells(find(tree, "soc/virtio_mmio@10001000/reg")), [0, 0x1000_1000, 0, 0x1000]);
  assertEquals(cells(find(tree, "soc/plic@c000000/riscv,ndev")), [96]);
  assertEquals(cells(find(tree, "soc/plic@c000000/interrupts-extended")), [2, 11, 2, 9]);
  assertEquals(cells(find(tree, "soc/clint@2000000/interrupts-extended")), [2, 3, 2, 7]);
  assertEquals(cells(find(tree, "poweroff/value")), [0x5555]);
  assertEquals(cells(find(tree, "reboot/value")), [0x7777]);
  assertEquals(cells(find(tree, "reboot/regmap")), cells(find(tree, "soc/test@100000/phandle")));
  assertEquals(texts(find(tree, "chosen/stdout-path")), ["/soc/serial@10000000", ""]);
});

Deno.test("every interrupt parent and regmap in the device tree is a phandle in it", () => {
  const tree = parseTree(boardTree(configuration));
  const phandles = new Set<number>();
  const used = new Set<number>();
  const visit = (node: Tree) => {
    for (const [name, value] of Object.entries(node)) {
      if (!(value instanceof Uint8Array)) visit(value);
      else if (name === "phandle") phandles.add(cells(value)[0]!);
      else if (["interrupt-parent", "regmap", "cpu"].includes(name)) used.add(cells(value)[0]!);
    }
  };
  visit(tree);
  assertEquals([...used].filter((phandle) => !phandles.has(phandle)), []);
  assertEquals(phandles.size, 4);
});

Deno.test("boot arguments are in the device tree when there are any", () => {
  const bootArguments = "console=ttyS0 quiet";
  const tree = parseTree(boardTree({ ...configuration, bootArguments }));
  assertEquals(texts(find(tree, "chosen/bootargs")), [bootArguments, ""]);
  assertEquals(find(parseTree(boardTree(configuration)), "chosen/bootargs"), undefined);
});

Deno.test("the initrd's place is in the device tree when there is one, and no seed ever", () => {
  const tree = parseTree(boardTree(configuration, { start: 0x8820_0000, end: 0x8820_0003 }));
  assertEquals(cells(find(tree, "chosen/linux,initrd-start")), [0, 0x8820_0000]);
  assertEquals(cells(find(tree, "chosen/linux,initrd-end")), [0, 0x8820_0003]);
  const without = parseTree(boardTree(configuration));
  assertEquals(find(without, "chosen/linux,initrd-start"), undefined);
  assertEquals([find(tree, "chosen/rng-seed"), find(tree, "chosen/kaslr-seed")], [
    undefined,
    undefined,
  ]);
});
