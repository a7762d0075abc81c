/** A bank on a protected machine whose backup can be debugged. */
import { assert } from "@std/assert";
import { pause } from "../../lib/host/pause.ts";
import { Lockstep } from "./lockstep_process.ts";

/** A teller with a backup whose port is open to gdb. */
export class Site implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    readonly primary: Lockstep,
    readonly backup: Lockstep,
    /** Where gdb connects. */
    readonly port: string,
    /** What is typed in gdb, as the backup has said it. */
    readonly connect: string,
  ) {}

  /** Starts both, and waits until they are protected. */
  static async open(
    folder: string,
    words = "transfers=4000 pace=4",
    options: readonly string[] = [],
  ): Promise<Site> {
    const outside = [
      ...["--disk", `${folder}/d.img`, "--bills", `${folder}/bills`],
      ...["--console", `${folder}/console`],
    ];
    const primary = new Lockstep([
      ...["primary", "teller", "--append", words, "--create-disk", "8M", ...outside],
      ...["--listen", `unix:${folder}/s`],
    ]);
    await primary.says(/Backups can join/);
    const backup = new Lockstep([
      ...["backup", `unix:${folder}/s`, ...outside, "--debug", "127.0.0.1:0", ...options],
    ]);
    const [, connect, port] = await backup.says(/In gdb: (target remote 127\.0\.0\.1:(\d+))/);
    await primary.says(/has joined: protected/);
    return new Site(folder, primary, backup, port!, connect!);
  }

  /** How many receipts have been printed. */
  receipts(): number {
    return Deno.readTextFileSync(`${this.folder}/console`).split("receipt").length - 1;
  }

  /** Waits for so many more receipts: the machine goes on, and what it has done is committed. */
  async goesOn(count = 10): Promise<void> {
    const wanted = this.receipts() + count;
    for (let look = 0; look < 1000 && this.receipts() < wanted; look++) await pause(10);
    assert(this.receipts() >= wanted, `${this.primary.said}${this.backup.said}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.primary[Symbol.asyncDispose]();
    await this.backup[Symbol.asyncDispose]();
  }
}
