/** The database that the guest's `sqlite` script writes, seen from outside. */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { withFolder } from "../host/temporary_folder.ts";
import { takeFromDisk } from "./disk_check.ts";

/** Fails unless the transactions 1 to `count`, and no others, are in the image's database once each. */
export async function assertTransactionsKept(image: string, count: number): Promise<void> {
  await withFolder(async (folder) => {
    await takeFromDisk(image, "/bank.db", `${folder}/bank.db`);
    using database = new DatabaseSync(`${folder}/bank.db`, { readOnly: true });
    const rows = database.prepare("SELECT number FROM transfer ORDER BY rowid").all();
    assertEquals(
      rows.map(({ number }) => number),
      Array.from({ length: count }, (_, index) => index + 1),
    );
  });
}
