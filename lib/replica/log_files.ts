/** The files of a log that is continued in one file after the other: FILE.1, FILE.2, … */
import fs from "node:fs";
import { dirname } from "node:path";
import { errorCode, errorText } from "../host/fault.ts";
import { type ByteStream, TransportError } from "./transport.ts";
import { openFileWriter } from "./transport_file.ts";

/** Numbered log files. */
export class LogFiles {
  /**
   * Makes sure that files can be made there, and leaves none.
   *
   * @param path What the numbers are put behind.
   * @throws {HostFileError} when they cannot
   * @throws {TransportError} when there are such files already: they may be part of another recording
   */
  constructor(private readonly path: string) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const older = namesIn(dirname(path)).find((other) =>
      other.startsWith(`${name}.`) && /^[0-9]+$/.test(other.slice(name.length + 1))
    );
    if (older === undefined) {
      void this.open(1).close();
      this.remove(1);
      return;
    }
    throw new TransportError(
      "Cannot write a log to",
      path,
      `${older} is there already; remove the files of the older log or choose another name`,
    );
  }

  /** What a file is called. */
  nameOf(number: number): string {
    return `${this.path}.${number}`;
  }

  /**
   * Begins a file.
   *
   * @throws {HostFileError} or {TransportError} when it does not open
   */
  open(number: number): ByteStream {
    return openFileWriter(this.nameOf(number));
  }

  /** Removes a file, unless somebody else has. */
  remove(number: number): void {
    try {
      fs.unlinkSync(this.nameOf(number));
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      throw new TransportError("Cannot remove", this.nameOf(number), errorText(error));
    }
  }
}

/** Nothing where there is no such folder: opening the file will say so. */
function namesIn(folder: string): readonly string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}
