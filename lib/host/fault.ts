/**
 * What the operating system's refusals mean to a guest, and the error that names the file.
 */
import type { CompletionStatus } from "../board/operation.ts";

/** A host file could not be opened, or is not what it must be. */
export class HostFileError extends Error {
  /** The file's path, as given. */
  readonly path: string;

  /** `message` says what failed, where, and what to do about it. */
  constructor(path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "HostFileError";
    this.path = path;
  }
}

/** Linux error numbers by name; Deno leaves `code` out of some errors and keeps the number in the text. */
const ERROR_NUMBERS: ReadonlyMap<number, string> = new Map([
  [2, "ENOENT"],
  [5, "EIO"],
  [13, "EACCES"],
  [17, "EEXIST"],
  [21, "EISDIR"],
  [27, "EFBIG"],
  [28, "ENOSPC"],
  [30, "EROFS"],
  [32, "EPIPE"],
  [98, "EADDRINUSE"],
  [104, "ECONNRESET"],
  [111, "ECONNREFUSED"],
  [122, "EDQUOT"],
]);

/** Names by which Deno's own error classes stand for an error number. */
const ERROR_CLASSES: ReadonlyMap<string, string> = new Map([
  ["NotFound", "ENOENT"],
  ["AlreadyExists", "EEXIST"],
  ["PermissionDenied", "EACCES"],
  ["BrokenPipe", "EPIPE"],
  ["IsADirectory", "EISDIR"],
  ["ConnectionReset", "ECONNRESET"],
  ["ConnectionRefused", "ECONNREFUSED"],
  ["AddrInUse", "EADDRINUSE"],
]);

/** The `errno` name of an operating system error (`ENOSPC`), or undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string") return code;
  const number = /\(os error (\d+)\)/.exec(error.message)?.[1];
  return (number === undefined ? undefined : ERROR_NUMBERS.get(Number(number))) ??
    ERROR_CLASSES.get(error.name);
}

/** Errors that mean the medium, its quota or the largest file size is used up. */
const FULL = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Whether `error` says that there is no room left. */
export function isFull(error: unknown): boolean {
  return FULL.has(errorCode(error) ?? "");
}

/** Whether `error` says that the other end is gone. */
export function isGone(error: unknown): boolean {
  const code = errorCode(error);
  return code === "EPIPE" || code === "ECONNRESET";
}

/** How a device operation that ended in `error` is completed (design section 5). */
export function faultStatus(error: unknown): CompletionStatus {
  return isFull(error) ? "no-space" : "io-error";
}

/** The text of any thrown value. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
