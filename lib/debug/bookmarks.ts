/** Checkpoints with a number and a name that outlive a debugging session: moments, in a small file beside the log. */
import fs from "node:fs";
import { errorCode, errorText, HostFileError } from "../host/fault.ts";
import { discard, removeFile } from "./index_file.ts";
import type { Moment } from "./moment.ts";

const VERSION = 1;
/** Nobody makes a larger file by hand, and none is read. */
const FILE_BYTES_LIMIT = 1 << 20;
const NAME_CHARACTERS = 200;
const MOST = 1000;

/** A moment that somebody wants to come back to. */
export interface Bookmark extends Moment {
  /** From 1, in the order in which they were made; none is given twice. */
  readonly number: number;
  /** What it is about; may be empty. */
  readonly name: string;
}

/** A bookmark cannot be kept. */
export class BookmarkError extends Error {
  /** Tells this error from others. */
  override readonly name = "BookmarkError";
}

/** Where the bookmarks of a log are. */
export function bookmarksPath(logPath: string): string {
  return `${logPath}.checkpoints`;
}

/** The bookmarks of one log. */
export class Bookmarks {
  /** Also those of moments that the log does not have as this session has opened it. */
  #all: readonly Bookmark[] = [];

  private constructor(
    private readonly path: string,
    private readonly run: string,
    private readonly has: (moment: Moment) => boolean,
  ) {}

  /**
   * Reads those of a log. What is no such file, or another run's, is ignored, and kept as it is until a
   * bookmark is added.
   *
   * @param run The run that the log is of.
   * @param has Whether the log has a moment; others are not shown.
   * @param note Told in one line of what cannot be used, and why.
   */
  static open(
    logPath: string,
    run: string,
    has: (moment: Moment) => boolean,
    note: (text: string) => void,
  ): Bookmarks {
    const path = bookmarksPath(logPath);
    const bookmarks = new Bookmarks(path, run, has);
    try {
      bookmarks.#all = read(path, run);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return bookmarks;
      if (!(error instanceof BookmarkError) && errorCode(error) === undefined) throw error;
      const reason = error instanceof BookmarkError ? error.message : errorText(error);
      note(`Checkpoints ${path} are ignored: ${reason}`);
    }
    return bookmarks;
  }

  /** All of them, by number. */
  get all(): readonly Bookmark[] {
    this.#refresh();
    return this.#all.filter(this.has);
  }

  /**
   * Keeps a moment, in the file, too.
   *
   * @throws {HostFileError} when the file cannot be written
   */
  add({ epoch, step }: Moment, name: string): Bookmark {
    this.#refresh();
    if (this.#all.length === MOST) {
      throw new BookmarkError(`There are ${MOST} checkpoints already: delete some`);
    }
    const number = 1 + this.#all.reduce((last, bookmark) => Math.max(last, bookmark.number), 0);
    const bookmark = { number, step, epoch, name: name.slice(0, NAME_CHARACTERS) };
    this.#write([...this.#all, bookmark]);
    return bookmark;
  }

  /** Forgets one; answers whether it was there. */
  remove(number: number): boolean {
    this.#refresh();
    const left = this.#all.filter((bookmark) => bookmark.number !== number);
    if (left.length === this.#all.length) return false;
    this.#write(left);
    return true;
  }

  /** Takes up what other sessions of this log have kept and forgotten meanwhile. */
  #refresh(): void {
    try {
      this.#all = read(this.path, this.run);
    } catch (error) {
      // What cannot be used has been told of, or is gone: it is replaced by what this session has.
      if (!(error instanceof BookmarkError) && errorCode(error) === undefined) throw error;
    }
  }

  #write(bookmarks: readonly Bookmark[]): void {
    const text = JSON.stringify(
      { version: VERSION, run: this.run, checkpoints: bookmarks },
      null,
      2,
    );
    const unfinished = `${this.path}.new`;
    try {
      // All of the new file or all of the old one, whenever somebody is killed.
      removeFile(unfinished);
      fs.writeFileSync(unfinished, `${text}\n`, { flag: "wx" });
      fs.renameSync(unfinished, this.path);
    } catch (error) {
      discard(unfinished);
      const message = `Cannot write checkpoints ${this.path}: ${errorText(error)}`;
      throw new HostFileError(this.path, message, { cause: error });
    }
    this.#all = bookmarks;
  }
}

function read(path: string, run: string): readonly Bookmark[] {
  const status = fs.statSync(path);
  // A pipe would wait for somebody at its other end.
  if (!status.isFile()) throw new BookmarkError("it is not a regular file");
  if (status.size > FILE_BYTES_LIMIT) throw new BookmarkError("the file is too large");
  let file: unknown;
  try {
    file = JSON.parse(fs.readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw new BookmarkError("the file is no JSON");
    throw error;
  }
  const { version, run: ofRun, checkpoints } = (file ?? {}) as Record<string, unknown>;
  if (version !== VERSION) throw new BookmarkError(`it does not say version ${VERSION}`);
  if (ofRun !== run) throw new BookmarkError("they belong to another run");
  if (!Array.isArray(checkpoints) || checkpoints.length > MOST || !checkpoints.every(isBookmark)) {
    throw new BookmarkError("it does not hold checkpoints");
  }
  return checkpoints.toSorted((a, b) => a.number - b.number);
}

function isBookmark(value: unknown): value is Bookmark {
  const { number, step, epoch, name } = (value ?? {}) as Record<string, unknown>;
  return [number, step, epoch].every((one) => Number.isSafeInteger(one)) &&
    typeof name === "string" && name.length <= NAME_CHARACTERS;
}
