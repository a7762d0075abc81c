/** Runs a script on QEMU's `virt` board and here, and gives what is in RAM afterwards. */
import { GuestMemory } from "../../lib/cpu/memory.ts";
import type { MachineConfiguration } from "../../lib/board/configuration.ts";
import { Machine } from "../../lib/board/machine.ts";
import { bytesBrought, type Completion } from "../../lib/board/operation.ts";
import type { GuestScript } from "./guest_script.ts";

const qemu = "qemu-system-riscv64";
const ramBytes = 2 ** 26;
const diskSectors = 4096;

const configuration: MachineConfiguration = {
  ramBytes,
  disks: [
    { id: "disk", sectors: diskSectors },
    { id: "block", sectors: diskSectors, bus: "blk" },
  ],
  bills: true,
  entropy: true,
};

/** Guest memory after a run. */
export interface Aftermath {
  /** Bytes at a guest-physical address. */
  read(address: number, length: number): Uint8Array;
}

/** Whether QEMU can be run; a test that needs it is ignored otherwise, unless peers are required. */
export const hasQemu = await isInstalled();

async function isInstalled(): Promise<boolean> {
  try {
    return (await new Deno.Command(qemu, { args: ["--version"] }).output()).success;
  } catch {
    if (Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1") throw new Error(`${qemu} is not installed`);
    return false;
  }
}

/** Runs a script, which must power off, on QEMU; its RAM is a file. */
export async function onQemu(script: GuestScript): Promise<Aftermath> {
  const folder = await Deno.makeTempDir({ prefix: "lockstep-board-" });
  try {
    await Deno.writeFile(`${folder}/image`, script.bytes());
    for (const name of ["disk", "block"]) {
      await Deno.writeFile(`${folder}/${name}`, new Uint8Array(512 * diskSectors));
    }
    const child = new Deno.Command("timeout", {
      args: [
        ...["20", qemu, "-display", "none", "-serial", "null", "-monitor", "none", "-bios", "none"],
        ...["-object", `memory-backend-file,id=ram,size=64M,mem-path=${folder}/ram,share=on`],
        ...["-machine", "virt,memory-backend=ram", "-m", "64M"],
        ...["-device", `loader,file=${folder}/image,addr=0x80000000,force-raw=on`],
        ...["-global", "virtio-mmio.force-legacy=false"],
        ...["-device", "virtio-scsi-device,bus=virtio-mmio-bus.0"],
        ...["-drive", `if=none,id=disk,format=raw,file=${folder}/disk`],
        ...["-device", "scsi-hd,drive=disk,serial=disk"],
        ...["-device", "virtio-serial-device,max_ports=1,bus=virtio-mmio-bus.1"],
        ...["-chardev", `file,id=bills,path=${folder}/bills`],
        ...["-device", "virtconsole,chardev=bills"],
        ...["-device", "virtio-rng-device,bus=virtio-mmio-bus.3"],
        ...["-drive", `if=none,id=block,format=raw,discard=unmap,file=${folder}/block`],
        ...["-device", "virtio-blk-device,drive=block,serial=block,bus=virtio-mmio-bus.4"],
      ],
      stdout: "null",
      stderr: "piped",
    });
    const { code, stderr } = await child.output();
    if (code !== 0) throw new Error(`QEMU ended with ${code}: ${new TextDecoder().decode(stderr)}`);
    const ram = await Deno.readFile(`${folder}/ram`);
    return {
      read: (address, length) => {
        const offset = address - GuestMemory.ramBase;
        return ram.slice(offset, offset + length);
      },
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Runs a script, which must power off, here; every operation succeeds, on a disk of zeros. */
export function onLockstep(script: GuestScript): Aftermath {
  const machine = Machine.powerOn(configuration, script.image(configuration));
  machine.environment = { read: () => 10n ** 18n };
  let time = { base: 0, rate: 2 ** 20 };
  for (let epoch = 0; machine.power.kind !== "off"; epoch++) {
    if (epoch > 10_000) throw new Error("The script does not power off");
    machine.startEpoch(time);
    machine.run(100_000);
    const completions = [...machine.outstanding.values()].map(({ number, request }): Completion => {
      return {
        operation: number,
        status: "done",
        blocks: machine.dmaBlocks(number, new Uint8Array(bytesBrought(request))),
      };
    });
    time = { base: machine.time, rate: 2 ** 20 };
    machine.deliver({
      completions,
      consoleInput: new Uint8Array(0),
      consolePerformed: machine.consolePosition,
      frames: [],
      time,
    });
  }
  return machine.memory;
}
