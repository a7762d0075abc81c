/** Debian's Linux on QEMU, the same board. */
import { linuxGuest } from "./linux_guest.ts";
import { Screen } from "./screen.ts";

/** A QEMU process with a console, which is gone at the end of the test. */
export class QemuLinux implements AsyncDisposable {
  readonly screen: Screen;
  readonly #child: Deno.ChildProcess;
  readonly #keyboard: WritableStreamDefaultWriter<Uint8Array>;

  /** @param socket Where its network card is plugged in, when it has one. */
  constructor(append: string, socket?: string) {
    const card = [
      ...["-netdev", `stream,id=net,server=off,addr.type=unix,addr.path=${socket}`],
      ...["-device", "virtio-net-device,netdev=net,mac=52:54:00:00:00:01"],
    ];
    const { kernel, initrd } = linuxGuest();
    this.#child = new Deno.Command("qemu-system-riscv64", {
      args: [
        ...["-M", "virt", "-m", "256", "-display", "none", "-serial", "stdio", "-monitor", "none"],
        ...["-kernel", kernel, "-initrd", initrd, "-append", append],
        ...["-global", "virtio-mmio.force-legacy=false"],
        ...socket === undefined ? [] : card,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.screen = Screen.ofStream(this.#child.stdout);
    this.#keyboard = this.#child.stdin.getWriter();
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.#keyboard.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Waits for its end, and for the last that it has shown; its exit code. */
  async end(): Promise<number> {
    const { code } = await this.#child.status;
    await this.screen.ended;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has left by itself.
    }
    await this.#child.status;
    await this.#keyboard.close().catch(() => {});
  }
}
