/**
 * A backup's own copy of the stream that it follows. It names no member: nobody is promoted from it until
 * the backup itself has been promoted and has added its readers (design section 3).
 */
import type { EndRecord, LogRecord } from "../epoch/record.ts";
import type { LogItem } from "../log/record_decoder.ts";
import { Attachment } from "./attachment.ts";
import type { ByteStream } from "./transport.ts";

/** A copy of a followed log, record by record. */
export class LogCopy {
  /** The copy as a log, for {@linkcode LiveMachine.continueLog} after a promotion. */
  readonly log: Attachment;
  #handedOver: EndRecord | undefined;

  /**
   * Starts an empty copy.
   *
   * @param stream Where the copy goes.
   * @param lost Told when it cannot be written any more.
   */
  constructor(stream: ByteStream, lost: (reason: string) => void) {
    const nothing = new Array<LogRecord>().values();
    this.log = new Attachment(undefined, stream, nothing, 0, {
      progressed: () => {},
      joined: () => {},
      lost: (_log, reason) => lost(reason),
    });
  }

  /**
   * Copies a record that has been executed.
   *
   * @returns When there is a promise, the replica waits for it: the copy is behind.
   */
  add({ record }: LogItem): Promise<void> | undefined {
    if (record.kind === "heartbeat") return undefined;
    // Nothing may follow an end, and this machine may be the one that goes on.
    if (record.kind === "end" && record.reason === "hand-over") this.#handedOver = record;
    else this.log.send(record.kind === "header" ? withoutMember(record) : record);
    return this.log.full ? this.log.drained() : undefined;
  }

  /** Writes what is left and closes the file. */
  async close(): Promise<void> {
    if (this.#handedOver) this.log.send(this.#handedOver);
    await this.log.finish();
    this.log.close();
  }
}

function withoutMember(header: Extract<LogRecord, { kind: "header" }>): LogRecord {
  const { member: _member, ...rest } = header;
  return { ...rest, acknowledged: false };
}
