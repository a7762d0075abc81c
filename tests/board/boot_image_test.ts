import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BootImage } from "../../lib/board/boot_image.ts";
import { boardTree } from "../../lib/board/board_tree.ts";
import { ImageError } from "../../lib/board/errors.ts";
import { GuestMemory } from "../../lib/cpu/memory.ts";
import { elfFile } from "./elf_file.ts";

const configuration = { ramBytes: 2 ** 23, disks: [], bills: false };
const base = 0x8000_0000;
const code = Uint8Array.of(1, 2, 3, 4);

Deno.test("an ELF file is loaded at its physical addresses and entered at e_entry", () => {
  const file = elfFile(base + 0x102, [
    { address: base + 0x100, data: code, memoryBytes: 0x2000 },
    { address: base + 0x4000, data: Uint8Array.of(9) },
    { type: 4, address: 0x100, data: Uint8Array.of(7, 7) },
  ]);
  const image = BootImage.load(file, configuration);
  assertEquals(image.boot.entry, base + 0x102);
  const memory = new GuestMemory(configuration.ramBytes);
  image.writeTo(memory);
  assertEquals(memory.read(base + 0x100, 5), Uint8Array.of(1, 2, 3, 4, 0));
  assertEquals(memory.read(base + 0x4000, 1), Uint8Array.of(9));
});

Deno.test("anything that is not ELF is raw at the start of RAM, or where it is told", () => {
  const image = BootImage.load(code, configuration);
  assertEquals([image.boot.entry, image.segments[0]!.address], [base, base]);
  const high = BootImage.raw(code, configuration, base + 0x20_0000);
  assertEquals([high.boot.entry, high.segments[0]!.address], [base + 0x20_0000, base + 0x20_0000]);
});

Deno.test("the device tree is at the top of RAM on a 2 MiB boundary", () => {
  const image = BootImage.load(code, configuration);
  assertEquals(image.boot.deviceTree, base + 0x60_0000);
  assertEquals(image.segments.at(-1), {
    address: image.boot.deviceTree,
    data: boardTree(configuration),
  });
});

Deno.test("the device tree gives way to the guest, and below 3 GiB it stays", () => {
  const full = BootImage.load(new Uint8Array(0x60_1000).fill(1), configuration);
  const size = boardTree(configuration).length;
  assertEquals(full.boot.deviceTree, base + 2 ** 23 - Math.ceil(size / 4096) * 4096);
  const large = { ...configuration, ramBytes: 2 ** 31 };
  assertEquals(BootImage.load(code, large).boot.deviceTree, 0xc000_0000 - 2 ** 21);
  const everything = new Uint8Array(configuration.ramBytes - 100);
  assertThrows(() => BootImage.load(everything, configuration), ImageError, "no room");
});

Deno.test("each malformed file has its own error", () => {
  const good = elfFile(base, [{ address: base, data: code }]);
  const changed = (offset: number, ...bytes: number[]) => {
    const file = good.slice();
    file.set(bytes, offset);
    return file;
  };
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(0), "empty"],
    [good.subarray(0, 40), "inside its header"],
    [good.subarray(0, 100), "inside its 1 program headers"],
    [good.subarray(0, good.length - 1), "inside segment 0"],
    [changed(4, 1), "not a 64-bit file"],
    [changed(5, 2), "not little-endian"],
    [changed(6, 2), "version"],
    [changed(16, 3), "statically linked"],
    [changed(18, 62), "not for RISC-V"],
    [changed(54, 32), "program headers have another size"],
    [changed(56, 0, 0), "no loadable segments"],
    [changed(64, 2), "no loadable segments"],
    [changed(39, 0xff), "offset of its program headers"],
    [changed(64 + 8 + 7, 0xff), "file offset of segment 0"],
    [changed(64 + 40, 3), "longer in the file"],
    [changed(64 + 24 + 3, 0x10), "outside RAM"],
    [changed(24 + 3, 0x10), "entry 0x10000000 is outside RAM"],
    [elfFile(base, [{ address: base, data: code, memoryBytes: 2 ** 24 }]), "outside RAM"],
    [
      elfFile(base, [
        { address: base, data: code, memoryBytes: 0x2000 },
        { address: base + 0x1fff, data: code },
      ]),
      "overlap",
    ],
  ];
  for (const [file, message] of cases) {
    assertThrows(() => BootImage.load(file, configuration), ImageError, message);
  }
  assertThrows(() => BootImage.raw(code, configuration, 0x1000), ImageError, "outside RAM");
});

Deno.test("damaged ELF files end in an image error or in an image within RAM", () => {
  const good = elfFile(base, [
    { address: base, data: new Uint8Array(64).fill(5), memoryBytes: 128 },
    { address: base + 0x1000, data: code },
  ]);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, byte, end) => {
      const file = good.slice();
      file[at] = byte;
      for (const damaged of [file, file.subarray(0, end)]) {
        try {
          const image = BootImage.load(damaged, configuration);
          for (const { address, data } of image.segments) {
            assertEquals(
              address >= base && address + data.length <= base + configuration.ramBytes,
              true,
            );
          }
        } catch (error) {
          if (!(error instanceof ImageError)) throw error;
        }
      }
    }),
    { seed: 5, numRuns: 2000, verbose: true },
  );
});

Deno.test("an image that is entered outside RAM or at an odd address is refused", () => {
  const segment = { address: base, data: new Uint8Array(5000).fill(3) };
  const image = BootImage.load(elfFile(base, [segment]), configuration);
  for (const entry of [base + 1, base - 2, base + configuration.ramBytes, 2 ** 53 - 1, 0]) {
    assertThrows(() => BootImage.load(elfFile(entry, [segment]), configuration), ImageError);
    const boot = { ...image.boot, entry };
    assertThrows(() => BootImage.fromPages(image.pages(), boot, configuration), ImageError);
  }
  const boot = { ...image.boot, deviceTree: 0 };
  assertThrows(() => BootImage.fromPages(image.pages(), boot, configuration), ImageError);
});

Deno.test("an image put together again from its pages fills RAM in the same way", () => {
  const image = BootImage.load(
    elfFile(base + 0x1000, [{ address: base + 0xfff, data: new Uint8Array(5000).fill(3) }]),
    configuration,
  );
  const pages = image.pages();
  assertEquals(pages.map(([page]) => page), [0, 1, 2, 0x600]);
  const again = BootImage.fromPages(pages.toReversed(), image.boot, configuration);
  const contents = (from: BootImage) => {
    const memory = new GuestMemory(configuration.ramBytes);
    from.writeTo(memory);
    return memory.ram.slice();
  };
  assertEquals(contents(again), contents(image));
  assertEquals(again.pages(), pages);
  assertEquals(again.boot, image.boot);
});

Deno.test("image pages that are not pages of RAM are refused", () => {
  const boot = { entry: base, deviceTree: base };
  const page = new Uint8Array(4096);
  for (const [number, data] of [[2048, page], [-1, page], [0.5, page], [0, new Uint8Array(9)]]) {
    assertThrows(
      () => BootImage.fromPages([[number as number, data as Uint8Array]], boot, configuration),
      ImageError,
    );
  }
});
