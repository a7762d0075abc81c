import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { boardTree } from "../../lib/board/board_tree.ts";
import { BootImage, type KernelFiles } from "../../lib/board/boot_image.ts";
import { ImageError } from "../../lib/board/errors.ts";
import { isKernelImage, readKernelImage } from "../../lib/board/kernel_image.ts";
import { elfFile } from "./elf_file.ts";
import { kernelFile } from "./kernel_file.ts";

const mebibyte = 2 ** 20;
const base = 0x8000_0000;
const configuration = { ramBytes: 64 * mebibyte, disks: [], bills: false };
const code = new Uint8Array(0x3000).fill(7);

const placed = (files: KernelFiles, ramBytes = configuration.ramBytes) =>
  BootImage.kernel(files, { ...configuration, ramBytes });

const places = (image: BootImage) => image.segments.map(({ address }) => address);

Deno.test("a kernel is loaded and entered at its offset, the device tree is at the top of RAM", () => {
  const kernel = kernelFile(code);
  const image = placed({ kernel });
  assertEquals(image.boot, { entry: base + 0x20_0000, deviceTree: base + 62 * mebibyte });
  assertEquals(places(image), [base + 0x20_0000, base + 62 * mebibyte]);
  assertEquals(image.segments[1]!.data, boardTree(configuration));
});

Deno.test("the initrd stands half of RAM behind the kernel's start, and the tree says where", () => {
  const initrd = new Uint8Array(5000).fill(9);
  const image = placed({ kernel: kernelFile(code), initrd });
  const start = base + 34 * mebibyte;
  assertEquals(places(image), [base + 2 * mebibyte, start, base + 62 * mebibyte]);
  const range = { start, end: start + 5000 };
  assertEquals(image.segments[2]!.data, boardTree(configuration, range));
  const large = placed({ kernel: kernelFile(code), initrd }, 1024 * mebibyte);
  assertEquals(places(large), [
    base + 2 * mebibyte,
    base + 130 * mebibyte,
    base + 1022 * mebibyte,
  ]);
});

Deno.test("an initrd that does not fit there stands right below the device tree", () => {
  const initrd = new Uint8Array(40 * mebibyte - 1);
  const image = placed({ kernel: kernelFile(code), initrd });
  assertEquals(places(image)[1], base + 22 * mebibyte);
  const kernel = kernelFile(code, { imageBytes: 40 * mebibyte });
  const behind = placed({ kernel, initrd: new Uint8Array(4096) });
  assertEquals(places(behind)[1], base + 62 * mebibyte - 4096);
});

Deno.test("firmware stands below the kernel, is entered first, and is told in a2 where to go on", () => {
  const firmware = new Uint8Array(0x1_0000).fill(3);
  const image = placed({ kernel: kernelFile(code), firmware });
  const { entry, deviceTree, firmwareInformation } = image.boot;
  assertEquals([entry, deviceTree], [base, base + 62 * mebibyte]);
  const told = image.segments.find(({ address }) => address === firmwareInformation)!.data;
  const view = new DataView(told.buffer);
  assertEquals(
    Array.from({ length: 6 }, (_, index) => view.getBigUint64(8 * index, true)),
    [0x4942_534fn, 2n, BigInt(base + 0x20_0000), 1n, 0n, 0n],
  );
  const again = BootImage.fromPages(image.pages(), image.boot, configuration);
  assertEquals(again.boot, image.boot);
  const elf = elfFile(base + 0x40, [{ address: base, data: new Uint8Array(0x100).fill(1) }]);
  assertEquals(placed({ kernel: kernelFile(code), firmware: elf }).boot.entry, base + 0x40);
});

Deno.test("each bad kernel has its own line", () => {
  const kernel = kernelFile(code);
  const text = (at: number, what: string) => {
    const file = new Uint8Array(0x1000);
    file.set(Array.from(what, (letter) => letter.charCodeAt(0)), at);
    return file;
  };
  const x86 = elfFile(base, [{ address: base, data: code }]);
  x86[18] = 62;
  const cases: readonly (readonly [KernelFiles, string])[] = [
    [{ kernel: text(0x202, "HdrS") }, "a kernel for x86"],
    [{ kernel: text(56, "ARMd") }, "a kernel for 64-bit ARM"],
    [{ kernel: text(36, "\x18\x28\x6f\x01") }, "a kernel for 32-bit ARM"],
    [{ kernel: text(0, "MZ\0\0zimg") }, "a compressed EFI application"],
    [{ kernel: x86 }, "an ELF file for another machine than RISC-V"],
    [{ kernel: elfFile(base, [{ address: base, data: code }]) }, "give the Image"],
    [{ kernel: text(0, "anything") }, "no RISC-V kernel Image"],
    [{ kernel: kernel.subarray(0, 63) }, "ends inside its header"],
    [{ kernel: new Uint8Array(0) }, "the file is empty"],
    [{ kernel: kernelFile(code, { flags: 1 }) }, "big-endian"],
    [{ kernel: kernelFile(code, { textOffset: 2n ** 63n }) }, "load offset 0x8000000000000000"],
    [{ kernel: kernelFile(code, { textOffset: 0x123 }) }, "load offset 0x123"],
    [{ kernel: kernelFile(code, { imageBytes: 2n ** 40n }) }, "size 0x10000000000"],
    [{ kernel: kernelFile(code, { sectionEnd: 0x9000 }) }, "ends after 16384 of 36864 bytes"],
    [{ kernel, initrd: new Uint8Array(0) }, "initrd is empty"],
    [{ kernel, initrd: new Uint8Array(62 * mebibyte) }, "needs 65 MiB of RAM"],
    [{ kernel: kernelFile(code, { imageBytes: 100 * mebibyte }) }, "needs 103 MiB of RAM"],
    [{ kernel, firmware: new Uint8Array(0) }, "firmware: the file is empty"],
    [{ kernel, firmware: new Uint8Array(3 * mebibyte) }, "the firmware and the kernel overlap"],
    [
      { kernel, firmware: elfFile(0, [{ address: base, data: code }]) },
      "entry 0x0 is outside RAM",
    ],
  ];
  for (const [files, message] of cases) {
    assertThrows(() => placed(files), ImageError, message);
  }
});

Deno.test("a kernel that is cut off anywhere behind its sections' ends is refused", () => {
  const kernel = kernelFile(code, { sectionEnd: 0x4000 });
  assertEquals(readKernelImage(kernel), { textOffset: 0x20_0000, memoryBytes: 0x4000 });
  for (const end of [0x3fff, 0x1000, 100, 70, 65, 64]) {
    assertThrows(() => readKernelImage(kernel.subarray(0, end)), ImageError, "ends after");
  }
});

Deno.test("another machine's kernel is not run as a raw image", () => {
  const file = new Uint8Array(0x1000);
  file.set(new TextEncoder().encode("HdrS"), 0x202);
  assertThrows(() => BootImage.load(file, configuration), ImageError, "for x86");
});

Deno.test("damaged kernels end in an image error or in an image within RAM", () => {
  const good = kernelFile(code, { sectionEnd: 0x4000 });
  fc.assert(
    fc.property(fc.nat(127), fc.nat(255), fc.nat(good.length), (at, byte, end) => {
      const file = good.slice();
      file[at] = byte;
      for (const kernel of [file, file.subarray(0, end)]) {
        try {
          for (const { address, data } of placed({ kernel }).segments) {
            assertEquals(address >= base, true);
            assertEquals(address + data.length <= base + configuration.ramBytes, true);
          }
          assertEquals(isKernelImage(kernel), true);
        } catch (error) {
          if (!(error instanceof ImageError)) throw error;
        }
      }
    }),
    { seed: 7, numRuns: 2000, verbose: true },
  );
});
