/** Runs a built guest on `qemu-system-riscv64`, the same board: the peer that our guests are tested on. */
import { fixture } from "./fixture.ts";

const qemu = "qemu-system-riscv64";

/** What a guest left behind on QEMU. */
export interface QemuRun {
  /** The guest's exit code. */
  readonly code: number;
  readonly console: Uint8Array;
  readonly bills: Uint8Array;
  /** The disk image, empty when the run had none. */
  readonly disk: Uint8Array;
}

/** Sends a command of the QEMU machine protocol (QMP). */
export type Command = (execute: string, args?: Record<string, unknown>) => Promise<void>;

/** How to run it. */
export interface QemuOptions {
  readonly bootArguments?: string;
  /** An image that is changed in place. */
  readonly disk?: string;
  /** Whether it is on virtio-blk; it is on virtio-scsi otherwise. */
  readonly blk?: boolean;
  /** Console input. */
  readonly input?: string;
  /** `blkdebug` options such as `inject-error.0.event=write_aio`, for a disk that fails. */
  readonly failures?: readonly string[];
  /** Gives QEMU orders while the guest runs, which then has no console input. */
  readonly meanwhile?: (command: Command) => Promise<void>;
  /** Further QEMU options. */
  readonly options?: readonly string[];
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

/** Runs `guest` until it powers off. */
export async function runOnQemu(guest: string, options: QemuOptions = {}): Promise<QemuRun> {
  const folder = await Deno.makeTempDir({ prefix: "lockstep-qemu-" });
  try {
    const { meanwhile } = options;
    const bills = `${folder}/bills`;
    const console = `${folder}/console`;
    const ports = meanwhile === undefined
      ? ["-serial", "stdio", "-monitor", "none"]
      : ["-serial", `file:${console}`, "-qmp", "stdio"];
    const child = new Deno.Command(qemu, {
      args: [
        ...["-M", "virt", "-m", "64", "-bios", "none", "-display", "none", ...ports],
        ...["-global", "virtio-mmio.force-legacy=false"],
        ...["-kernel", fixture(guest), "-append", options.bootArguments ?? ""],
        ...(options.disk === undefined ? [] : diskOptions(options)),
        ...["-device", "virtio-serial-device", "-chardev", `file,id=bills,path=${bills}`],
        ...["-device", "virtconsole,chardev=bills", ...options.options ?? []],
      ],
      ...{ stdin: "piped", stdout: "piped", stderr: "inherit" },
    }).spawn();
    const input = child.stdin.getWriter();
    const output = child.output();
    const write = (text: string) => input.write(new TextEncoder().encode(text));
    await write(options.input ?? "");
    if (meanwhile !== undefined) {
      const command: Command = (execute, args) =>
        write(JSON.stringify({ execute, arguments: args ?? {} }) + "\n");
      await command("qmp_capabilities");
      await meanwhile(command);
    }
    const { code, stdout } = await output;
    await input.close().catch(() => {});
    return {
      code,
      console: meanwhile === undefined ? stdout : await Deno.readFile(console),
      bills: await Deno.readFile(bills),
      disk: options.disk === undefined ? new Uint8Array() : await Deno.readFile(options.disk),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function diskOptions({ disk: path, failures = [], blk = false }: QemuOptions): string[] {
  const file = failures.length === 0
    ? `file.filename=${path}`
    : `file.driver=blkdebug,file.image.driver=file,file.image.filename=${path},${
      failures.map((failure) => `file.${failure}`).join(",")
    }`;
  const drive = ["-drive", `if=none,id=disk,driver=raw,werror=report,rerror=report,${file}`];
  if (blk) return [...drive, "-device", "virtio-blk-device,drive=disk,serial=disk"];
  return [
    ...["-device", "virtio-scsi-device,id=scsi"],
    ...[...drive, "-device", "scsi-hd,drive=disk,bus=scsi.0"],
  ];
}

/** Runs `body` with a zeroed disk image of `bytes` in a folder of its own. */
export async function withDisk(
  bytes: number,
  body: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lockstep-disk-" });
  try {
    const path = `${folder}/disk.img`;
    await Deno.writeFile(path, new Uint8Array(bytes));
    await body(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
