/** A process of a site, as the script `as` has started it: what it tells, its signals, its exit code. */
import { until } from "./until.ts";

/** One process. */
export class Part {
  /**
   * @param name What the command line calls it.
   * @param path Where `as` keeps what is known of it, without the suffixes.
   */
  constructor(readonly name: string, private readonly path: string) {}

  /** The whole lines that it has told on standard error so far. */
  get lines(): readonly string[] {
    return this.#read("lines").split("\n").slice(0, -1);
  }

  /** Waits until it tells a line that matches. */
  async tells(pattern: RegExp): Promise<RegExpExecArray> {
    return await until(() => {
      const code = this.exitCode;
      for (const line of this.lines) {
        const match = pattern.exec(line);
        if (match) return match;
      }
      if (code !== undefined) {
        throw new Error(`${this.name} never told ${pattern}\n${this.story()}`);
      }
      return undefined;
    }, () => `${this.name} to tell ${pattern}\n${this.story()}`);
  }

  /** Whether it has told a line that matches. */
  hasTold(pattern: RegExp): boolean {
    return this.lines.some((line) => pattern.test(line));
  }

  /** Sends it a signal; it must not have ended. */
  async signal(signal: Deno.Signal): Promise<void> {
    if (!await this.reaches(signal)) throw new Error(`No time for ${signal}:\n${this.story()}`);
  }

  /** Sends it a signal, and answers whether it was still there. */
  async reaches(signal: Deno.Signal): Promise<boolean> {
    try {
      Deno.kill(await this.processId(), signal);
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Its process id. */
  async processId(): Promise<number> {
    return Number(await until(() => this.#number("pid"), () => `${this.name} to start`));
  }

  /** Its exit code, as a shell has it (137 after SIGKILL); undefined while it runs. */
  get exitCode(): number | undefined {
    const text = this.#number("code");
    return text === undefined ? undefined : Number(text);
  }

  /** Waits for its end and answers its exit code. */
  async ends(): Promise<number> {
    const code = () => this.#number("code");
    return Number(await until(code, () => `the end of ${this.name}\n${this.story()}`));
  }

  /** What it has told, for a test that fails. */
  story(): string {
    const end = this.exitCode === undefined ? "runs" : `ended with ${this.exitCode}`;
    return [`${this.name} ${end}`, ...this.lines].join("\n  ");
  }

  /** Digits and a newline: the file may have been made and not written yet. */
  #number(suffix: string): string | undefined {
    return /^(\d+)\n$/.exec(this.#read(suffix))?.[1];
  }

  #read(suffix: string): string {
    try {
      return Deno.readTextFileSync(`${this.path}.${suffix}`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }
}
