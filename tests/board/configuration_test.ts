import { assertEquals, assertThrows } from "@std/assert";
import { checkConfiguration } from "../../lib/board/configuration.ts";
import { ConfigurationError } from "../../lib/board/errors.ts";

const good = {
  ramBytes: 2 ** 24,
  disks: [{ id: "a", sectors: 8 }, { id: "b", sectors: 8, readOnly: true }],
  bills: true,
  network: { mac: "02:00:5e:10:00:01" },
  bootArguments: "quiet",
};

Deno.test("a configuration is taken as it is", () => {
  assertEquals(checkConfiguration(good), good);
  const mixed = { ...good, disks: [...good.disks, { id: "c", sectors: 8, bus: "blk" }] };
  assertEquals(checkConfiguration({ ...mixed, entropy: true }), { ...mixed, entropy: true });
  const bare = { ramBytes: 2 ** 21, disks: [], bills: false };
  assertEquals(checkConfiguration(bare), bare);
});

Deno.test("a configuration that no machine can be built from is refused", () => {
  const disk = { id: "a", sectors: 8 };
  const bad: unknown[] = [
    null,
    [],
    { ...good, ramBytes: 2 ** 24 + 1 },
    { ...good, ramBytes: 2 ** 20 },
    { ...good, ramBytes: 2 ** 31 + 4096 },
    { ...good, ramBytes: "16M" },
    { ...good, disks: undefined },
    { ...good, disks: Array.from({ length: 17 }, (_, index) => ({ id: `${index}`, sectors: 8 })) },
    { ...good, disks: [disk, disk] },
    { ...good, disks: [{ ...disk, id: "" }] },
    { ...good, disks: [{ ...disk, id: "x".repeat(21) }] },
    { ...good, disks: [{ ...disk, id: "é" }] },
    { ...good, disks: [{ ...disk, sectors: 0 }] },
    { ...good, disks: [{ ...disk, sectors: 2 ** 41 }] },
    { ...good, disks: [{ ...disk, sectors: 1.5 }] },
    { ...good, disks: [{ ...disk, readOnly: 1 }] },
    { ...good, disks: [{ ...disk, path: "/etc/passwd" }] },
    { ...good, disks: [{ ...disk, bus: "ide" }] },
    {
      ...good,
      disks: Array.from({ length: 5 }, (_, index) => ({ ...disk, id: `${index}`, bus: "blk" })),
    },
    { ...good, entropy: 1 },
    { ...good, bills: 1 },
    { ...good, bootArguments: "a\0b" },
    { ...good, bootArguments: "x".repeat(2049) },
    { ...good, network: true },
    { ...good, network: {} },
    { ...good, network: { mac: "02:00:5E:10:00:01" } },
    { ...good, network: { mac: "02:00:5e:10:00" } },
    { ...good, network: { mac: "03:00:5e:10:00:01" } },
    { ...good, network: { mac: "00:00:00:00:00:00" } },
    { ...good, network: { mac: "02:00:5e:10:00:01", path: "/tmp/socket" } },
    { ...good, modem: true },
  ];
  for (const value of bad) assertThrows(() => checkConfiguration(value), ConfigurationError);
});
