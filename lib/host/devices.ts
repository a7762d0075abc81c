/** The devices of one machine on this host: what its operations are performed on. */
import type { OperationRequest } from "../board/operation.ts";
import type { DeviceBacks, Performed } from "../epoch/host.ts";
import type { BillFile } from "./bills.ts";
import type { ConsoleOutput } from "./console.ts";
import type { DiskBack } from "./disk.ts";
import type { NetworkEvents, NetworkSocket } from "./network.ts";

/** Disks, bill file, console and network, opened. */
export class HostDevices implements DeviceBacks {
  readonly #disks: readonly DiskBack[];
  readonly #bills: BillFile | undefined;
  readonly #console: ConsoleOutput;
  readonly #network: NetworkSocket | undefined;

  /**
   * Takes devices that are open; {@linkcode close} frees them.
   *
   * @param disks In the order of the machine's configuration.
   * @param bills Absent when the machine has no bill port.
   * @param network Absent when the machine hangs on no network.
   */
  constructor(
    disks: readonly DiskBack[],
    bills: BillFile | undefined,
    console: ConsoleOutput,
    network?: NetworkSocket,
  ) {
    this.#disks = disks;
    this.#bills = bills;
    this.#console = console;
    this.#network = network;
  }

  async perform(request: OperationRequest): Promise<Performed> {
    if (request.kind === "bill-append") {
      if (!this.#bills) throw new Error("A bill was issued by a machine without a bill port");
      return { status: await this.#bills.perform(request) };
    }
    if (request.kind === "entropy") {
      return { status: "done", data: crypto.getRandomValues(new Uint8Array(request.bytes)) };
    }
    const disk = this.#disks[request.disk];
    if (!disk) throw new Error(`Operation for disk ${request.disk}, which is not there`);
    return await disk.perform(request);
  }

  async writeConsole(position: number, bytes: Uint8Array): Promise<void> {
    this.#console.write(position, bytes);
    await this.#console.flush();
  }

  get consolePerformed(): number {
    return this.#console.performed;
  }

  consoleRoom(): Promise<void> | undefined {
    return this.#console.full ? this.#console.ready() : undefined;
  }

  sendFrame(frame: Uint8Array): void {
    this.#network?.send(frame);
  }

  /** From now on frames come from the network, if there is one. */
  startNetwork(events: NetworkEvents): void {
    this.#network?.start(events);
  }

  /** Waits for what is under way and frees all files. */
  async close(): Promise<void> {
    await Promise.all(this.#disks.map((disk) => disk.close()));
    await this.#bills?.close();
    await this.#network?.close();
    await this.#console.close();
  }
}
