import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { HostFileError } from "../../lib/host/fault.ts";
import { identityOfPath } from "../../lib/host/positional_file.ts";
import { TransportError } from "../../lib/replica/transport.ts";
import { openFileReader, openFileWriter } from "../../lib/replica/transport_file.ts";
import { withFolder } from "../host/temporary_folder.ts";
import { readAll, readCount, within } from "./stream_reading.ts";

Deno.test("what is written to a log file is followed as it grows, in order, and ends when told", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const out = openFileWriter(path);
    const back = openFileReader(path);
    const writer = out.writable!.getWriter();
    const reader = back.readable!.getReader();
    const sent: number[] = [];
    const got: number[] = [];
    for (let i = 1; i <= 50; i++) {
      const piece = new Uint8Array(i * 7).fill(i);
      sent.push(...piece);
      await writer.write(piece);
      got.push(...await readCount(reader, piece.length));
    }
    assertEquals(got, sent);
    const next = reader.read();
    assertEquals(await within(50, next), "still waiting");
    await writer.write(new Uint8Array([1, 2, 3]));
    assertEquals(await next, { value: new Uint8Array([1, 2, 3]), done: false });
    await writer.write(new Uint8Array(100_000));
    back.endAtPresentEnd();
    reader.releaseLock();
    assertEquals((await readAll(back.readable!)).length, 100_000);
    await back.close();
    await out.close();
  }));

Deno.test("a reader that waits at the end stops waiting when it is told that this is the end", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const out = openFileWriter(path);
    const back = openFileReader(path);
    const next = back.readable!.getReader().read();
    assertEquals(await within(20, next), "still waiting");
    back.endAtPresentEnd();
    assertEquals((await next).done, true);
    await back.close();
    await out.close();
  }));

Deno.test("a log file has mode 0600, and both ends see the same device and inode", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const out = openFileWriter(path);
    const back = openFileReader(path);
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    assertEquals(out.identity, back.identity);
    assertEquals(out.identity, identityOfPath(path));
    assertEquals([out.direction, back.direction], ["out", "in"]);
    Deno.copyFileSync(path, `${path}.copy`);
    const copy = openFileReader(`${path}.copy`);
    assert(copy.identity!.inode !== out.identity!.inode);
    await Promise.all([out.close(), back.close(), copy.close()]);
  }));

Deno.test("a log is never written over or behind something else", () =>
  withFolder((folder) => {
    const path = `${folder}/run.log`;
    Deno.writeTextFileSync(path, "precious");
    assertThrows(() => openFileWriter(path), TransportError, "it holds 8 bytes already");
    assertEquals(Deno.readTextFileSync(path), "precious");
    assertThrows(() => openFileReader(`${folder}/none`), HostFileError, "does not exist");
    assertThrows(() => openFileWriter(folder), HostFileError, "directory");
  }));

Deno.test("a log file that is cut while it is followed is an error, not new data", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    Deno.writeFileSync(path, new Uint8Array(1000));
    const back = openFileReader(path);
    const reader = back.readable!.getReader();
    await readCount(reader, 1000);
    const next = reader.read();
    Deno.truncateSync(path, 10);
    const error = await assertRejects(() => next, TransportError, "cut from 1000 to 10 bytes");
    assert(error.message.includes(path));
    await back.close();
  }));

Deno.test("reading takes only what is asked for, so memory stays bounded", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    Deno.writeFileSync(path, new Uint8Array(4 << 20));
    const back = openFileReader(path);
    const reader = back.readable!.getReader();
    const { value } = await reader.read();
    assert(value!.length <= 64 * 1024);
    back.endAtPresentEnd();
    reader.releaseLock();
    let total = value!.length;
    for await (const chunk of back.readable!) total += chunk.length;
    assertEquals(total, 4 << 20);
    await back.close();
  }));

Deno.test("after closing, writes and reads fail or end at once", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const out = openFileWriter(path);
    const back = openFileReader(path);
    const writer = out.writable!.getWriter();
    const next = back.readable!.getReader().read();
    await Promise.all([back.close(), back.close(), out.close(), out.close()]);
    assertEquals((await next).done, true);
    await assertRejects(() => writer.write(new Uint8Array(1)), TransportError, "closed");
    await writer.closed.catch(() => {});
  }));

Deno.test("finishing a log file leaves it whole", () =>
  withFolder(async (folder) => {
    const path = `${folder}/run.log`;
    const out = openFileWriter(path);
    const writer = out.writable!.getWriter();
    await writer.write(new Uint8Array([1, 2]));
    await writer.close();
    await out.close();
    assertEquals(Deno.readFileSync(path), new Uint8Array([1, 2]));
  }));
