import { assertEquals, assertThrows } from "@std/assert";
import { BillFile } from "../../lib/host/bills.ts";
import { HostFileError } from "../../lib/host/fault.ts";
import { FaultyFile, systemError } from "./faulty_file.ts";
import { withFolder } from "./temporary_folder.ts";

const append = (offset: number, text: string) => ({
  kind: "bill-append" as const,
  offset,
  data: new TextEncoder().encode(text),
});

Deno.test("bills that are paid again after a promotion are in the file once", () =>
  withFolder(async (folder) => {
    const path = `${folder}/bills`;
    const first = new BillFile(path);
    assertEquals(await first.perform(append(0, "ten ")), "done");
    assertEquals(await first.perform(append(4, "fifty ")), "done");
    await first.close();
    const promoted = new BillFile(path);
    assertEquals(promoted.bytes, 10);
    assertEquals(await promoted.perform(append(4, "fifty ")), "done");
    assertEquals(await promoted.perform(append(10, "five ")), "done");
    await promoted.close();
    assertEquals(Deno.readTextFileSync(path), "ten fifty five ");
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  }));

Deno.test("bills land in their places whatever order they are performed in", () =>
  withFolder(async (folder) => {
    const path = `${folder}/bills`;
    Deno.writeTextFileSync(path, "old\n");
    const bills = new BillFile(path, { base: 4 });
    await Promise.all([append(3, "def"), append(0, "abc"), append(6, "ghi")].map((bill) => {
      return bills.perform(bill);
    }));
    await bills.close();
    assertEquals(Deno.readTextFileSync(path), "old\nabcdefghi");
  }));

Deno.test("a bill file that cannot be written says why", async () => {
  const file = new FaultyFile(0);
  const bills = new BillFile("bills", { open: () => file });
  file.faults.capacity = 4;
  assertEquals(await bills.perform(append(0, "abcdef")), "no-space");
  file.faults.writeError = systemError("EIO");
  assertEquals(await bills.perform(append(0, "abcdef")), "io-error");
  file.faults.writeError = undefined;
  file.faults.capacity = 100;
  assertEquals(await bills.perform(append(0, "abcdef")), "done");
  assertEquals(new TextDecoder().decode(file.bytes), "abcdef");
  await bills.close();
});

Deno.test("a bill file in a folder that is not there is refused", () =>
  withFolder((folder) => {
    assertThrows(() => new BillFile(`${folder}/none/bills`), HostFileError, "does not exist");
  }));
