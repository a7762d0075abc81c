/**
 * ns16550a UART (National Semiconductor PC16550D data sheet), as QEMU's, made deterministic: the
 * transmitter is always empty, and the receive time-out is indicated at once while fewer bytes than the
 * trigger level are in the FIFO.
 *
 * Console input stands in a queue of at most 4096 bytes, whose first bytes are the receive FIFO (16
 * bytes, 1 when the FIFO is off): nothing is overrun.
 */
import type { BusDevice } from "./bus.ts";
import { ContentHash } from "./content_hash.ts";
import { StateError } from "./errors.ts";
import type { FieldAllocator, Fields } from "./fields.ts";

const fields = {
  interruptEnable: "byte",
  fifoControl: "byte",
  lineControl: "byte",
  modemControl: "byte",
  scratch: "byte",
  divisor: "half",
  /** The transmit-empty interrupt has not been reported since the transmitter became empty. */
  transmitInterrupt: "flag",
  /** Bytes at the front of the input queue that are in the FIFO. */
  fifoCount: "byte",
  overrun: "flag",
  /** Deltas of CTS, DSR, RI, DCD since the modem status was read. */
  modemDeltas: "byte",
  inputHashLow: "word",
  inputHashHigh: "word",
} as const;

const fifoBytes = 16;

/** Most bytes of console input that the machine holds. */
export const consoleInputBytes = 4096;

const lineControlDivisorAccess = 0x80;
const modemLoopback = 0x10;
const interruptEnable = { received: 1, transmit: 2, line: 4, modem: 8 } as const;
const identification = {
  none: 0x01,
  line: 0x06,
  received: 0x04,
  timeout: 0x0c,
  transmit: 0x02,
  modem: 0x00,
  fifos: 0xc0,
} as const;
const lineStatus = { dataReady: 0x01, overrun: 0x02, transmitEmpty: 0x60 } as const;
const fifoControl = { enable: 0x01, clearReceive: 0x02, kept: 0xc9 } as const;
const triggerLevels = [1, 4, 8, 14] as const;

/** DCD, DSR and CTS are on: there is always a terminal. */
const terminalPresent = 0xb0;

/** In loopback, RTS, DTR, OUT1 and OUT2 appear as CTS, DSR, RI and DCD. */
function loopedBack(modemControl: number): number {
  return (modemControl & 0x0c) << 4 | (modemControl & 0x02) << 3 | (modemControl & 0x01) << 5;
}

/** What the UART needs from the board. */
export interface UartHost {
  /** Puts out one byte. */
  transmit(byte: number): void;
  /** Drives the interrupt line. */
  setLine(level: boolean): void;
}

/** The UART. */
export class Uart implements BusDevice {
  readonly #fields: Fields<typeof fields>;
  readonly #host: UartHost;
  #input: number[] = [];
  #inputChanged = false;

  /** Places the fields, as at power-on. */
  constructor(allocator: FieldAllocator, host: UartHost) {
    this.#fields = allocator.place("uart", fields);
    this.#host = host;
    this.reset();
  }

  load(offset: number): number {
    const { values } = this.#fields;
    const divisorAccess = (values.lineControl & lineControlDivisorAccess) !== 0;
    switch (offset) {
      case 0:
        return divisorAccess ? values.divisor & 0xff : this.#receive();
      case 1:
        return divisorAccess ? values.divisor >>> 8 : values.interruptEnable;
      case 2:
        return this.#identify();
      case 3:
        return values.lineControl;
      case 4:
        return values.modemControl;
      case 5:
        return this.#readLineStatus();
      case 6:
        return this.#readModemStatus();
      default:
        return values.scratch;
    }
  }

  store(offset: number, _size: number, stored: number): void {
    const { values } = this.#fields;
    const value = stored & 0xff;
    const divisorAccess = (values.lineControl & lineControlDivisorAccess) !== 0;
    switch (offset) {
      case 0:
        if (divisorAccess) values.divisor = (values.divisor & 0xff00) | value;
        else this.#transmit(value);
        break;
      case 1:
        if (divisorAccess) values.divisor = (values.divisor & 0xff) | value << 8;
        else this.#enableInterrupts(value);
        break;
      case 2:
        this.#controlFifos(value);
        break;
      case 3:
        values.lineControl = value;
        break;
      case 4:
        this.#controlModem(value & 0x1f);
        break;
      case 7:
        values.scratch = value;
        break;
    }
    this.#fill();
    this.drive();
  }

  /** How many bytes of console input can be taken now. */
  get inputRoom(): number {
    return consoleInputBytes - this.#input.length;
  }

  /** Takes console input; there must be room for it. */
  type(bytes: Uint8Array): void {
    if (bytes.length > this.inputRoom) throw new RangeError("No room for the console input");
    if (bytes.length === 0) return;
    this.#input.push(...bytes);
    this.#inputChanged = true;
    this.#fill();
    this.drive();
  }

  /** The next received byte, for whoever polls the UART in the guest's place. */
  poll(): number | undefined {
    return this.#fields.values.fifoCount === 0 ? undefined : this.#receive();
  }

  /** Puts the interrupt's level on the line. */
  drive(): void {
    this.#host.setLine(this.#source() !== identification.none);
  }

  /** Back to the state of power-on; input that has not been read is gone. */
  reset(): void {
    this.#fields.clear();
    this.#fields.values.divisor = 0x0c;
    this.#fields.values.modemControl = 0x08;
    this.#fields.values.transmitInterrupt = 0;
    this.#input = [];
    this.#inputChanged = true;
    this.drive();
  }

  /** Brings the fields up to date with the input queue, for a digest. */
  settle(): void {
    if (!this.#inputChanged) return;
    const hash = new ContentHash().bytes(Uint8Array.from(this.#input));
    this.#fields.values.inputHashLow = hash.low;
    this.#fields.values.inputHashHigh = hash.high;
    this.#inputChanged = false;
  }

  /** The input that has not been read: the FIFO, then the queue behind it. */
  input(): Uint8Array {
    return Uint8Array.from(this.#input);
  }

  /**
   * Takes saved input; the fields have been restored.
   *
   * @throws {StateError} when it does not fit the fields
   */
  restore(input: unknown): void {
    if (!(input instanceof Uint8Array) || input.length > consoleInputBytes) {
      throw new StateError(`Expected at most ${consoleInputBytes} bytes of console input`);
    }
    const { fifoCount, inputHashLow, inputHashHigh } = this.#fields.values;
    if (fifoCount > Math.min(input.length, this.#capacity)) {
      throw new StateError(`The UART's FIFO cannot hold ${fifoCount} bytes`);
    }
    const hash = new ContentHash().bytes(input);
    if (hash.low !== inputHashLow || hash.high !== inputHashHigh) {
      throw new StateError(
        "The console input does not have the digest that the UART's state names",
      );
    }
    this.#input = [...input];
    this.#inputChanged = false;
  }

  get #fifosOn(): boolean {
    return (this.#fields.values.fifoControl & fifoControl.enable) !== 0;
  }

  get #loopback(): boolean {
    return (this.#fields.values.modemControl & modemLoopback) !== 0;
  }

  get #capacity(): number {
    return this.#fifosOn ? fifoBytes : 1;
  }

  /** Moves queued input into the FIFO. In loopback the line is cut. */
  #fill(): void {
    if (this.#loopback) return;
    this.#fields.values.fifoCount = Math.min(this.#input.length, this.#capacity);
  }

  #receive(): number {
    const { values } = this.#fields;
    if (values.fifoCount === 0) return 0;
    const byte = this.#input.shift()!;
    this.#inputChanged = true;
    values.fifoCount--;
    this.#fill();
    this.drive();
    return byte;
  }

  #transmit(byte: number): void {
    const { values } = this.#fields;
    values.transmitInterrupt = 1;
    if (!this.#loopback) {
      this.#host.transmit(byte);
    } else if (values.fifoCount < this.#capacity && this.inputRoom > 0) {
      this.#input.splice(values.fifoCount, 0, byte);
      this.#inputChanged = true;
      values.fifoCount++;
    } else {
      values.overrun = 1;
    }
  }

  /** Turning the transmit interrupt on raises it when the transmitter is empty, and it always is. */
  #enableInterrupts(value: number): void {
    const { values } = this.#fields;
    const before = values.interruptEnable;
    values.interruptEnable = value & 0x0f;
    if (((before ^ value) & interruptEnable.transmit) !== 0) {
      values.transmitInterrupt = value & interruptEnable.transmit;
    }
  }

  #controlFifos(value: number): void {
    const { values } = this.#fields;
    const toggled = ((value ^ values.fifoControl) & fifoControl.enable) !== 0;
    if (toggled || (value & fifoControl.clearReceive) !== 0) {
      this.#input.splice(0, values.fifoCount);
      this.#inputChanged = true;
      values.fifoCount = 0;
    }
    values.fifoControl = value & fifoControl.kept;
  }

  #controlModem(value: number): void {
    const { values } = this.#fields;
    const before = this.#modemLines();
    values.modemControl = value;
    const after = this.#modemLines();
    // RI counts when it falls, the others when they change (data sheet, modem status register).
    const changed = (before ^ after) >>> 4;
    values.modemDeltas |= (changed & 0b1011) | (before & ~after & 0x40) >>> 4;
  }

  #modemLines(): number {
    return this.#loopback ? loopedBack(this.#fields.values.modemControl) : terminalPresent;
  }

  #readLineStatus(): number {
    const { values } = this.#fields;
    const status = lineStatus.transmitEmpty |
      (values.fifoCount > 0 ? lineStatus.dataReady : 0) |
      (values.overrun !== 0 ? lineStatus.overrun : 0);
    if (values.overrun !== 0) {
      values.overrun = 0;
      this.drive();
    }
    return status;
  }

  #readModemStatus(): number {
    const { values } = this.#fields;
    const status = this.#modemLines() | values.modemDeltas;
    if (values.modemDeltas !== 0) {
      values.modemDeltas = 0;
      this.drive();
    }
    return status;
  }

  /** The interrupt with the highest priority (data sheet, table "Interrupt control functions"). */
  #source(): number {
    const { values } = this.#fields;
    const enabled = values.interruptEnable;
    if ((enabled & interruptEnable.line) !== 0 && values.overrun !== 0) return identification.line;
    if ((enabled & interruptEnable.received) !== 0 && values.fifoCount > 0) {
      const trigger = triggerLevels[values.fifoControl >>> 6]!;
      return !this.#fifosOn || values.fifoCount >= trigger
        ? identification.received
        : identification.timeout;
    }
    if ((enabled & interruptEnable.transmit) !== 0 && values.transmitInterrupt !== 0) {
      return identification.transmit;
    }
    if ((enabled & interruptEnable.modem) !== 0 && values.modemDeltas !== 0) {
      return identification.modem;
    }
    return identification.none;
  }

  #identify(): number {
    const source = this.#source();
    if (source === identification.transmit) {
      this.#fields.values.transmitInterrupt = 0;
      this.drive();
    }
    return source | (this.#fifosOn ? identification.fifos : 0);
  }
}
