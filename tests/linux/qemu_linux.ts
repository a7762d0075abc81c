/** Debian's Linux on QEMU, with a network card on a frame socket. */
import { linuxGuest } from "./linux_guest.ts";
import { Screen } from "./screen.ts";

/** A QEMU process with a console, which is gone at the end of the test. */
export class QemuLinux implements AsyncDisposable {
  readonly screen: Screen;
  readonly #child: Deno.ChildProcess;
  readonly #keyboard: WritableStreamDefaultWriter<Uint8Array>;

  /** @param socket Where its network card is plugged in. */
  constructor(socket: string, append: string) {
    const { kernel, initrd } = linuxGuest();
    this.#child = new Deno.Command("qemu-system-riscv64", {
      args: [
        ...["-M", "virt", "-m", "256", "-display", "none", "-serial", "stdio", "-monitor", "none"],
        ...["-kernel", kernel, "-initrd", initrd, "-append", append],
        ...["-global", "virtio-mmio.force-legacy=false"],
        ...["-netdev", `stream,id=net,server=off,addr.type=unix,addr.path=${socket}`],
        ...["-device", "virtio-net-device,netdev=net,mac=52:54:00:00:00:01"],
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

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#keyboard.close().catch(() => {});
  }
}
