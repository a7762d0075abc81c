/** Debian's OpenSBI in front of a small kernel: it boots here, and answers as the built-in SBI does. */
import { assert, assertEquals } from "@std/assert";
import { BootImage } from "../../lib/board/boot_image.ts";
import type { MachineConfiguration } from "../../lib/board/configuration.ts";
import { Machine } from "../../lib/board/machine.ts";
import { GuestScript } from "../board/guest_script.ts";
import { kernelFile } from "../board/kernel_file.ts";

const FIRMWARE = "/usr/lib/riscv64-linux-gnu/opensbi/generic";
const configuration: MachineConfiguration = { ramBytes: 2 ** 26, disks: [], bills: false };
const kernelStart = 0x8020_0000;
/** Where a script's results are in its kernel: behind the header's page. */
const results = kernelStart + 0x1000 + 0x2_0000;
const mostSteps = 100_000_000;
const rate = 2 ** 20;

const IPI = 0x73_5049;
const RFENCE = 0x5246_4e43;
const HSM = 0x48_534d;
const everyBit = 2n ** 64n - 1n;

/** Calls that both answer the same: extension, function, arguments. */
const calls: readonly (readonly [number, number, ...(number | bigint)[]])[] = [
  [0x10, 3, 0x5449_4d45],
  [0x10, 3, IPI],
  [0x10, 3, RFENCE],
  [0x10, 3, HSM],
  [0x10, 3, 0x5352_5354],
  [0x10, 3, 0x1234],
  [0x10, 4],
  [0x10, 5],
  [0x10, 6],
  [0x10, 77],
  [0x1234, 0],
  [0x5449_4d45, 0, everyBit],
  [0x5449_4d45, 1],
  [IPI, 0, 1, 0],
  [IPI, 0, 0, 0],
  [IPI, 0, 1, everyBit],
  [IPI, 1],
  [RFENCE, 0, 1, 0],
  [RFENCE, 1, 1, 0, 0, 0],
  [RFENCE, 1, 1, 0, kernelStart, 4096],
  [RFENCE, 2, 1, 0, kernelStart, 4096, 3],
  [RFENCE, 3, 1, 0],
  [RFENCE, 99],
  [HSM, 0, 1, kernelStart],
  [HSM, 2, 0],
  [HSM, 2, 1],
  [HSM, 3, 1],
  [HSM, 99],
  [0x5352_5354, 0, 3, 0],
  [0x5352_5354, 0, 0xf000_0000, 0],
  [0x5352_5354, 1],
];

async function readFirmware(name: string): Promise<Uint8Array | undefined> {
  try {
    return await Deno.readFile(`${FIRMWARE}/${name}`);
  } catch {
    if (Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1") {
      throw new Error("The package opensbi is not installed");
    }
    return undefined;
  }
}

/** Runs the calls, powers off by SRST, and returns the answers and the console. */
function run(given: MachineConfiguration, firmware?: Uint8Array) {
  const script = new GuestScript();
  for (const call of calls) script.call(...call);
  script.call(0x5352_5354, 0, 0, 0).waitForEver();
  const kernel = kernelFile(script.bytes());
  const machine = Machine.powerOn(given, BootImage.kernel({ kernel, firmware }, given));
  let console = "";
  let time = { base: 0, rate };
  while (machine.power.kind === "on") {
    machine.startEpoch(time);
    machine.run(100_000);
    assert(machine.steps < mostSteps && !machine.waiting || machine.power.kind !== "on", console);
    console += new TextDecoder().decode(machine.takeConsoleOutput());
    time = { base: machine.time, rate };
    machine.deliver({
      ...{ completions: [], consoleInput: new Uint8Array(0), frames: [], time },
      consolePerformed: machine.consolePosition,
    });
  }
  const bytes = machine.memory.read(results, 16 * calls.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const answers = calls.map((_, index) => [
    view.getBigInt64(16 * index, true),
    view.getBigUint64(16 * index + 8, true),
  ]);
  return { answers, console, power: machine.power };
}

for (const name of ["fw_dynamic.bin", "fw_jump.bin", "fw_dynamic.elf", "fw_jump.elf"]) {
  const firmware = await readFirmware(name);
  Deno.test({
    name: firmware === undefined
      ? `OpenSBI ${name} (ignored: the package opensbi is not installed)`
      : `OpenSBI ${name} boots a kernel, and answers as the built-in SBI does`,
    ignore: firmware === undefined,
    fn() {
      const theirs = run(configuration, firmware);
      const ours = run({ ...configuration, firmware: "sbi" });
      assertEquals(theirs.power, { kind: "off", exitCode: 0 });
      assertEquals(ours.power, theirs.power);
      for (
        const line of [
          /Platform Name +: riscv-virtio,lockstep/,
          /Platform Timer Device +: aclint-mtimer @ 10000000Hz/,
          /Platform Console Device +: uart8250/,
          /Domain0 Next Address +: 0x0000000080200000/,
          /Domain0 Next Mode +: S-mode/,
          /Boot HART Base ISA +: rv64imafdc/,
          /Boot HART PMP Count +: 16/,
        ]
      ) {
        assert(line.test(theirs.console), `${line} is not in:\n${theirs.console}`);
      }
      const label = ([id, number, ...values]: (typeof calls)[number]) =>
        `0x${id.toString(16)}/${number} (${values.join(", ")})`;
      assertEquals(
        calls.map((call, index) => [label(call), ...ours.answers[index]!]),
        calls.map((call, index) => [label(call), ...theirs.answers[index]!]),
      );
    },
  });
}
