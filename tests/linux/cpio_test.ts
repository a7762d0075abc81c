import { assertEquals } from "@std/assert";
import { cpioArchive } from "../../guests/linux/cpio.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("an archive has a header of hexadecimal digits before each name and content", () => {
  const content = new TextEncoder().encode("hello\n");
  const archive = cpioArchive([{ path: "a/file", type: "file", mode: 0o644, content }]);
  const numbers = ["00000001", "000081A4", "00000000", "00000000", "00000001", "00000000"];
  assertEquals(text(archive.subarray(0, 6)), "070701");
  assertEquals(text(archive.subarray(6, 54)), numbers.join(""));
  assertEquals(text(archive.subarray(54, 62)), "00000006"); // Bytes of the content.
  assertEquals(text(archive.subarray(94, 102)), "00000007"); // Bytes of the name, with its zero.
  assertEquals(text(archive.subarray(110, 117)), "a/file\0");
  assertEquals(text(archive.subarray(120, 126)), "hello\n");
  assertEquals(text(archive.subarray(128, 134)), "070701");
  assertEquals(text(archive.subarray(128 + 110, 128 + 121)), "TRAILER!!!\0");
  assertEquals(archive.length % 4, 0);
});

Deno.test("a device's numbers and a link's target are in the archive", () => {
  const archive = cpioArchive([
    { path: "console", type: "character", mode: 0o600, device: [5, 1] },
    { path: "usr", type: "link", mode: 0o777, content: new TextEncoder().encode("disk/usr") },
  ]);
  assertEquals(text(archive.subarray(14, 22)), "00002180");
  assertEquals(text(archive.subarray(78, 94)), "0000000500000001");
  const link = 110 + 10; // "console\0" ends at a multiple of four only with two more bytes.
  assertEquals(text(archive.subarray(link + 14, link + 22)), "0000A1FF");
  assertEquals(text(archive.subarray(link + 116, link + 124)), "disk/usr");
});
