/**
 * SiFive test finisher, as `syscon-poweroff` and `syscon-reboot` use it: power-off with an exit code,
 * and reset. Both take effect when the outstanding operations have settled (design section 5); the
 * machine takes no further step from the request on.
 */
import type { BusDevice } from "./bus.ts";
import { StateError } from "./errors.ts";
import type { FieldAllocator, Fields } from "./fields.ts";

const fields = { request: "byte", exitCode: "half" } as const;

/** Values of the low half of the register. */
const commands = { fail: 0x3333, pass: 0x5555, reset: 0x7777 } as const;

/** Whether the guest has asked to go on, to be powered off, or to be reset. */
export type PowerState =
  | { readonly kind: "on" }
  | { readonly kind: "off"; readonly exitCode: number }
  | { readonly kind: "reset" };

const requests = ["on", "off", "reset"] as const;

/** The power-off and reset device. */
export class Finisher implements BusDevice {
  readonly #fields: Fields<typeof fields>;
  readonly #requestStop: () => void;

  /** `requestStop` ends the run. */
  constructor(allocator: FieldAllocator, requestStop: () => void) {
    this.#fields = allocator.place("finisher", fields);
    this.#requestStop = requestStop;
  }

  load(): number {
    return 0;
  }

  store(offset: number, _size: number, value: number): void {
    if (offset !== 0) return;
    const command = value & 0xffff;
    if (command === commands.reset) this.request("reset", 0);
    else if (command === commands.pass) this.request("off", 0);
    else if (command === commands.fail) this.request("off", value >>> 16);
  }

  /** Asks for a power-off with an exit code, or a reset. The first request counts. */
  request(kind: "off" | "reset", exitCode: number): void {
    const { values } = this.#fields;
    if (values.request !== 0) return;
    values.request = requests.indexOf(kind);
    values.exitCode = exitCode;
    this.#requestStop();
  }

  /** What the guest has asked for, whether or not operations are outstanding. */
  get requested(): PowerState {
    const { request, exitCode } = this.#fields.values;
    const kind = requests[request]!;
    return kind === "off" ? { kind, exitCode } : { kind };
  }

  /** Whether the guest has asked for anything; cheap. */
  get pending(): boolean {
    return this.#fields.values.request !== 0;
  }

  /** Back to the state of power-on. */
  reset(): void {
    this.#fields.clear();
  }

  /**
   * Refuses a restored state in which the device cannot be.
   *
   * @throws {StateError}
   */
  check(): void {
    const { request, exitCode } = this.#fields.values;
    if (request >= requests.length || (request !== 1 && exitCode !== 0)) {
      throw new StateError(`The finisher's request ${request} with code ${exitCode} cannot be`);
    }
  }
}
