import { assertEquals } from "@std/assert";
import { reportedCodes } from "../../lib/board/scsi_operation_codes.ts";
import { scsiCommands } from "../../lib/board/scsi_command.ts";
import { big, disks, read10, ScsiDriver, write10 } from "./scsi_driver.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function driver() {
  return new ScsiDriver().acknowledgeResets();
}

function requests(driver: ScsiDriver) {
  return [...driver.board.outstanding.operations.values()].map(({ request }) => request);
}

const resetOccurred = [6, 0x29, 0];
const invalidField = [5, 0x24, 0];
const outOfRange = [5, 0x21, 0];

Deno.test("after a reset each disk reports it once, and INQUIRY and REPORT LUNS do not mind", () => {
  const driver = new ScsiDriver();
  assertEquals(driver.command([0x12, 0, 0, 0, 36, 0], { inBytes: 36 }).status, 0);
  assertEquals(driver.command([0xa0, 0, 0, 0, 0, 0, ...big(16, 4)], { inBytes: 16 }).status, 0);
  const first = driver.command(read10(0, 1), { inBytes: 512 });
  assertEquals([first.status, first.sense, first.residual], [2, resetOccurred, 512]);
  assertEquals(driver.command([0, 0, 0, 0, 0, 0]).status, 0);
  assertEquals(driver.command([0, 0, 0, 0, 0, 0], { target: 1 }).sense, resetOccurred);
});

Deno.test("REQUEST SENSE tells a pending unit attention and takes it away", () => {
  const driver = new ScsiDriver();
  const cdb = [3, 0, 0, 0, 18, 0];
  const first = driver.command(cdb, { inBytes: 18 });
  assertEquals([first.status, first.data[2], first.data[12]], [0, 6, 0x29]);
  assertEquals(driver.command(cdb, { inBytes: 18 }).data[2], 0);
  assertEquals([...driver.command([3, 1, 0, 0, 8, 0], { inBytes: 8 }).data.subarray(0, 2)], [
    0x72,
    0,
  ]);
});

Deno.test("INQUIRY describes a disk that cannot be removed", () => {
  const { data, status, residual, written } = driver().command([0x12, 0, 0, 0, 36, 0], {
    inBytes: 36,
  });
  assertEquals([status, residual, written], [0, 0, 108 + 36]);
  assertEquals([...data.subarray(0, 5)], [0, 0, 5, 0x12, 31]);
  assertEquals(text(data.subarray(8, 32)), "LOCKSTEPDISK            ");
});

Deno.test("the residual is what of the data buffer was not transferred", () => {
  const { data, residual, written } = driver().command([0x12, 0, 0, 0, 96, 0], { inBytes: 100 });
  assertEquals([residual, written], [64, 108 + 36]);
  assertEquals([...data.subarray(36)], Array(64).fill(0));
});

Deno.test("an allocation length cuts the data", () => {
  const { data, residual } = driver().command([0x12, 0, 0, 0, 5, 0], { inBytes: 5 });
  assertEquals([...data], [0, 0, 5, 0x12, 31]);
  assertEquals(residual, 0);
});

Deno.test("vital product data: pages, serial number, name, limits, rotation, provisioning", () => {
  const scsi = driver();
  const page = (code: number, target = 0) =>
    scsi.command([0x12, 1, code, 0, 128, 0], { inBytes: 128, target }).data;
  assertEquals([...page(0).subarray(0, 10)], [0, 0, 0, 6, 0, 0x80, 0x83, 0xb0, 0xb1, 0xb2]);
  assertEquals(text(page(0x80, 1).subarray(3, 10)), "\x06second");
  const name = page(0x83);
  assertEquals([...name.subarray(3, 8)], [17, 2, 1, 0, 13]);
  assertEquals(text(name.subarray(8, 21)), "LOCKSTEPfirst");
  const limits = new DataView(page(0xb0).buffer);
  assertEquals([limits.getUint16(2), limits.getUint32(8)], [60, 2048]);
  assertEquals([limits.getUint32(20), limits.getUint32(24)], [2 ** 22, 255]);
  assertEquals([limits.getUint8(4), limits.getBigUint64(36)], [1, 2048n]);
  assertEquals([...page(0xb1).subarray(3, 6)], [60, 0, 1]);
  assertEquals([...page(0xb2).subarray(3, 8)], [4, 0, 0xe4, 2, 0]);
});

Deno.test("an unknown page or a page without the EVPD bit is an invalid field", () => {
  const scsi = driver();
  assertEquals(scsi.command([0x12, 1, 0x84, 0, 36, 0], { inBytes: 36 }).sense, invalidField);
  assertEquals(scsi.command([0x12, 0, 0x80, 0, 36, 0], { inBytes: 36 }).sense, invalidField);
});

Deno.test("capacities of a small and a large disk", () => {
  const scsi = driver();
  const ten = (target: number) =>
    new DataView(
      scsi.command([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], { inBytes: 8, target }).data.buffer,
    );
  assertEquals([ten(0).getUint32(0), ten(0).getUint32(4)], [8191, 512]);
  assertEquals(ten(1).getUint32(0), 0xffff_ffff);
  const { data } = scsi.command([0x9e, 0x10, ...big(0, 8), ...big(32, 4), 0, 0], {
    inBytes: 32,
    target: 1,
  });
  const sixteen = new DataView(data.buffer);
  assertEquals([sixteen.getBigUint64(0), sixteen.getUint32(8)], [2n ** 33n - 1n, 512]);
  const other = scsi.command([0x9e, 0x12, ...big(0, 8), ...big(32, 4), 0, 0], { inBytes: 32 });
  assertEquals(other.sense, invalidField);
  const partial = scsi.command([0x25, 0, 0, 0, 0, 1, 0, 0, 0, 0], { inBytes: 8 });
  assertEquals(partial.sense, invalidField);
});

Deno.test("MODE SENSE in both forms tells caching and write protection", () => {
  const scsi = driver();
  const six = scsi.command([0x1a, 0, 0x08, 0, 255, 0], { inBytes: 255 });
  assertEquals([...six.data.subarray(0, 4)], [31, 0, 0, 8]);
  assertEquals([...six.data.subarray(4, 12)], [0, 0, 0x20, 0, 0, 0, 2, 0]);
  assertEquals([...six.data.subarray(12, 15)], [0x08, 18, 0x04]);
  assertEquals(six.residual, 255 - 32);
  const ten = scsi.command([0x5a, 8, 0x3f, 0, 0, 0, 0, 0, 255, 0], { inBytes: 255, target: 1 });
  assertEquals([...ten.data.subarray(0, 8)], [0, 50, 0, 0x80, 0, 0, 0, 0]);
  assertEquals([ten.data[8], ten.data[20], ten.data[40]], [0x01, 0x08, 0x0a]);
  const changeable = scsi.command([0x1a, 8, 0x48, 0, 255, 0], { inBytes: 255 });
  assertEquals([...changeable.data.subarray(4, 8)], [0x08, 18, 0, 0]);
});

Deno.test("MODE SENSE refuses saved values, unknown pages and subpages", () => {
  const scsi = driver();
  const sense = (page: number, subpage = 0) =>
    scsi.command([0x1a, 0, page, subpage, 255, 0], { inBytes: 255 }).sense;
  assertEquals(sense(0xc8), [5, 0x39, 0]);
  assertEquals(sense(0x1c), invalidField);
  assertEquals(sense(0x08, 1), invalidField);
  assertEquals(sense(0x3f, 0xff), []);
});

Deno.test("REPORT LUNS lists LUN 0, and a short allocation is refused", () => {
  const scsi = driver();
  const { data } = scsi.command([0xa0, 0, 0, 0, 0, 0, ...big(64, 4)], { inBytes: 64 });
  assertEquals([...data.subarray(0, 16)], [0, 0, 0, 8, ...Array(12).fill(0)]);
  const wellKnown = scsi.command([0xa0, 0, 1, 0, 0, 0, ...big(64, 4)], { inBytes: 64 });
  assertEquals([wellKnown.data[3], wellKnown.residual], [0, 56]);
  assertEquals(
    scsi.command([0xa0, 0, 0, 0, 0, 0, ...big(8, 4)], { inBytes: 8 }).sense,
    invalidField,
  );
});

Deno.test("a target that is not there is a bad target, a LUN that is not there says so", () => {
  const scsi = driver();
  assertEquals(scsi.command([0, 0, 0, 0, 0, 0], { target: 2 }).response, 3);
  assertEquals(scsi.command([0, 0, 0, 0, 0, 0], { lun: [0, 0, 0, 0] }).response, 3);
  assertEquals(scsi.command([0, 0, 0, 0, 0, 0], { lun: [1, 0, 0x80, 0] }).response, 3);
  const lun = [1, 0, 0x40, 1];
  assertEquals(scsi.command([0, 0, 0, 0, 0, 0], { lun }).sense, [5, 0x25, 0]);
  assertEquals(scsi.command(read10(0, 1), { lun, inBytes: 512 }).sense, [5, 0x25, 0]);
  assertEquals(scsi.command([0xff], { lun }).sense, [5, 0x25, 0]);
  assertEquals(scsi.command([0x12, 0, 0, 0, 36], { lun, inBytes: 36 }).data[0], 0x7f);
  assertEquals(scsi.command([3, 0, 0, 0, 18], { lun, inBytes: 18 }).data[12], 0x25);
  const list = scsi.command([0xa0, 0, 0, 0, 0, 0, ...big(16, 4)], { lun, inBytes: 16 });
  assertEquals(list.data[3], 8);
});

Deno.test("an unknown operation code is refused", () => {
  const { status, response, sense } = driver().command([0xff]);
  assertEquals([status, response, sense], [2, 0, [5, 0x20, 0]]);
});

Deno.test("a command whose data does not fit the buffers is an overrun", () => {
  const scsi = driver();
  assertEquals(scsi.command(read10(0, 2), { inBytes: 512 }).response, 1);
  assertEquals(scsi.command(read10(0, 1)).response, 1);
  assertEquals(scsi.command(write10(0, 1), { inBytes: 512 }).response, 1);
  assertEquals(scsi.command(read10(0, 1), { dataOut: new Uint8Array(512) }).response, 1);
  assertEquals(requests(scsi), []);
});

Deno.test("a request with data in both directions fails, since that was not negotiated", () => {
  const { response } = driver().command(read10(0, 1), {
    inBytes: 512,
    dataOut: new Uint8Array(512),
  });
  assertEquals(response, 9);
});

Deno.test("a read is an operation whose data comes with its completion", () => {
  const scsi = driver();
  const stops = scsi.board.stops;
  const sent = scsi.send(read10(5, 3), { inBytes: 1536, piece: 1000 });
  assertEquals(scsi.board.stops > stops, true);
  assertEquals(scsi.used(2), []);
  assertEquals(requests(scsi), [{ kind: "disk-read", disk: 0, sector: 5, sectors: 3 }]);
  assertEquals(scsi.board.outstanding.state(0)!.data.map(({ length }) => length), [1000, 536]);
  const data = Uint8Array.from({ length: 1536 }, (_, index) => index % 251);
  scsi.board.complete(0, "done", data);
  const { status, residual, written, data: read } = scsi.answer(sent);
  assertEquals([status, residual, written], [0, 0, 108 + 1536]);
  assertEquals(read, data);
  assertEquals(requests(scsi), []);
});

Deno.test("a read into a larger buffer leaves the rest alone", () => {
  const scsi = driver();
  const sent = scsi.send(read10(0, 1), { inBytes: 700 });
  scsi.board.complete(0, "done", new Uint8Array(512).fill(7));
  const { residual, data } = scsi.answer(sent);
  assertEquals([residual, data[511], data[512]], [188, 7, 0]);
});

Deno.test("a write is an operation with the data as it was at the notification", () => {
  const scsi = driver();
  const dataOut = new Uint8Array(1024).fill(9);
  const sent = scsi.send(write10(8190, 2), { dataOut, piece: 100 });
  assertEquals(requests(scsi), [{ kind: "disk-write", disk: 0, sector: 8190, data: dataOut }]);
  scsi.board.complete(0);
  const { status, residual } = scsi.answer(sent);
  assertEquals([status, residual], [0, 0]);
});

Deno.test("reads and writes of 6, 12 and 16 bytes are the same operations", () => {
  const scsi = driver();
  scsi.send([0x08, 0x00, 0x01, 0x02, 0, 0], { inBytes: 256 * 512 });
  scsi.send([0x0a, 0x00, 0x00, 0x03, 1, 0], { dataOut: new Uint8Array(512) });
  scsi.send([0xa8, 0, ...big(4, 4), ...big(1, 4), 0, 0], { inBytes: 512 });
  scsi.send([0xaa, 0, ...big(5, 4), ...big(1, 4), 0, 0], { dataOut: new Uint8Array(512) });
  scsi.send([0x88, 0, ...big(2 ** 32 + 1, 8), ...big(1, 4), 0, 0], { inBytes: 512, target: 1 });
  scsi.send([0x8a, 0, ...big(6, 8), ...big(1, 4), 0, 0], { dataOut: new Uint8Array(512) });
  assertEquals(
    requests(scsi).map((request) =>
      request.kind === "disk-read" || request.kind === "disk-write"
        ? [request.kind, request.disk, request.sector]
        : request
    ),
    [
      ["disk-read", 0, 0x102],
      ["disk-write", 0, 3],
      ["disk-read", 0, 4],
      ["disk-write", 0, 5],
      ["disk-read", 1, 2 ** 32 + 1],
      ["disk-write", 0, 6],
    ],
  );
});

Deno.test("sectors beyond the end are out of range, at any width of the address", () => {
  const scsi = driver();
  assertEquals(scsi.command(read10(8192, 1), { inBytes: 512 }).sense, outOfRange);
  assertEquals(scsi.command(read10(8191, 2), { inBytes: 1024 }).sense, outOfRange);
  const dataOut = new Uint8Array(512);
  assertEquals(scsi.command(write10(8192, 1), { dataOut }).sense, outOfRange);
  const last = [0x88, 0, ...Array(8).fill(0xff), ...big(1, 4), 0, 0];
  assertEquals(scsi.command(last, { inBytes: 512 }).sense, outOfRange);
  assertEquals(requests(scsi), []);
});

Deno.test("a transfer over one megabyte is refused and does not break the device", () => {
  const scsi = driver();
  const inBytes = 2049 * 512;
  assertEquals(scsi.command(read10(0, 2049), { inBytes }).sense, invalidField);
  const sent = scsi.send(read10(0, 2048), { inBytes });
  assertEquals(requests(scsi).length, 1);
  scsi.board.complete(0, "done", new Uint8Array(2 ** 20));
  assertEquals(scsi.answer(sent).residual, 512);
});

Deno.test("a transfer of nothing is good at once, and protection bits are refused", () => {
  const scsi = driver();
  assertEquals(scsi.command(read10(8192, 0)).status, 0);
  assertEquals(scsi.command(write10(0, 0)).status, 0);
  assertEquals(
    scsi.command(write10(0, 1, 0x20), { dataOut: new Uint8Array(512) }).sense,
    invalidField,
  );
});

Deno.test("a read-only disk refuses writes and unmaps", () => {
  const scsi = driver();
  const dataOut = new Uint8Array(512);
  assertEquals(scsi.command(write10(0, 1), { dataOut, target: 1 }).sense, [7, 0x27, 0]);
  const list = Uint8Array.from([...big(22, 2), ...big(16, 2), 0, 0, 0, 0, ...Array(16).fill(0)]);
  const unmap = [0x42, 0, 0, 0, 0, 0, 0, ...big(24, 2), 0];
  assertEquals(scsi.command(unmap, { dataOut: list, target: 1 }).sense, [7, 0x27, 0]);
});

Deno.test("SYNCHRONIZE CACHE is a flush", () => {
  const scsi = driver();
  const sent = scsi.send([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  assertEquals(requests(scsi), [{ kind: "disk-flush", disk: 0 }]);
  scsi.board.complete(0);
  assertEquals(scsi.answer(sent).status, 0);
  scsi.send([0x91, 0, ...Array(14).fill(0)]);
  assertEquals(requests(scsi), [{ kind: "disk-flush", disk: 0 }]);
  const beyond = [0x35, 0, ...big(8192, 4), 0, 0, 1, 0];
  const other = driver();
  assertEquals(other.command(beyond).sense, outOfRange);
});

Deno.test("a write with FUA ends after a flush that is issued when the write is done", () => {
  const scsi = driver();
  const sent = scsi.send(write10(1, 1, 0x08), { dataOut: new Uint8Array(512), tag: 99 });
  assertEquals(requests(scsi).map(({ kind }) => kind), ["disk-write"]);
  scsi.board.complete(0);
  assertEquals(scsi.used(2), []);
  assertEquals(requests(scsi), [{ kind: "disk-flush", disk: 0 }]);
  scsi.board.complete(1);
  const { status, residual } = scsi.answer(sent);
  assertEquals([status, residual], [0, 0]);
});

Deno.test("a write with FUA that fails is not followed by a flush", () => {
  const scsi = driver();
  const sent = scsi.send(write10(1, 1, 0x08), { dataOut: new Uint8Array(512) });
  scsi.board.complete(0, "io-error");
  assertEquals(scsi.answer(sent).sense, [3, 0x0c, 0]);
  assertEquals(requests(scsi), []);
});

Deno.test("UNMAP names ranges of sectors", () => {
  const scsi = driver();
  const range = (sector: number, sectors: number) => [
    ...big(sector, 8),
    ...big(sectors, 4),
    0,
    0,
    0,
    0,
  ];
  const list = (ranges: readonly number[][], length = 16 * ranges.length) =>
    Uint8Array.from([...big(length + 6, 2), ...big(length, 2), 0, 0, 0, 0, ...ranges.flat()]);
  const unmap = (dataOut: Uint8Array, flags = 0) =>
    scsi.send([0x42, flags, 0, 0, 0, 0, 0, ...big(dataOut.length, 2), 0], { dataOut });
  unmap(list([range(8, 16), range(100, 0), range(8191, 1)]));
  assertEquals(requests(scsi), [{
    kind: "disk-unmap",
    disk: 0,
    ranges: [{ sector: 8, sectors: 16 }, { sector: 8191, sectors: 1 }],
  }]);
  const refused = (dataOut: Uint8Array, flags = 0) => scsi.answer(unmap(dataOut, flags)).sense;
  assertEquals(refused(list([range(8, 16)]), 1), invalidField);
  assertEquals(refused(list([range(8192, 1)])), outOfRange);
  assertEquals(refused(list([range(0, 1)], 32)), [5, 0x1a, 0]);
  assertEquals(refused(list([range(0, 1)], 8)), [5, 0x1a, 0]);
  assertEquals(refused(Uint8Array.of(0, 0, 0)), [5, 0x1a, 0]);
  assertEquals(refused(list(Array(600).fill(range(0, 8192)))), [5, 0x26, 0]);
  assertEquals(scsi.answer(unmap(list([]))).status, 0);
  assertEquals(requests(scsi).length, 1);
});

Deno.test("START STOP UNIT does nothing and ejects nothing; VERIFY checks the range", () => {
  const scsi = driver();
  assertEquals(scsi.command([0x1b, 0, 0, 0, 1, 0]).status, 0);
  assertEquals(scsi.command([0x1b, 0, 0, 0, 2, 0]).sense, invalidField);
  assertEquals(scsi.command([0x2f, 0, ...big(0, 4), 0, ...big(8, 2), 0]).status, 0);
  assertEquals(scsi.command([0x2f, 0, ...big(8192, 4), 0, 0, 1, 0]).sense, outOfRange);
  assertEquals(scsi.command([0x2f, 2, ...big(0, 4), 0, 0, 1, 0]).sense, invalidField);
});

Deno.test("an uncertain completion is a unit attention for just that command", () => {
  for (const cdb of [read10(0, 1), write10(0, 1), [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]]) {
    const scsi = driver();
    const sent = scsi.send(cdb, {
      inBytes: cdb[0] === 0x28 ? 512 : 0,
      dataOut: new Uint8Array(cdb[0] === 0x2a ? 512 : 0),
    });
    scsi.board.complete(0, "uncertain");
    const { response, status, sense } = scsi.answer(sent);
    assertEquals([response, status, sense], [0, 2, resetOccurred]);
    assertEquals(scsi.command([0, 0, 0, 0, 0, 0]).status, 0);
  }
});

Deno.test("errors of the back are the right sense data", () => {
  const scsi = driver();
  const read = scsi.send(read10(0, 1), { inBytes: 512 });
  scsi.board.complete(0, "io-error");
  const answer = scsi.answer(read);
  assertEquals([answer.sense, answer.residual, answer.written], [[3, 0x11, 0], 512, 108]);
  const write = scsi.send(write10(0, 1), { dataOut: new Uint8Array(512) });
  scsi.board.complete(1, "io-error");
  assertEquals(scsi.answer(write).sense, [3, 0x0c, 0]);
  const full = scsi.send(write10(0, 1), { dataOut: new Uint8Array(512) });
  scsi.board.complete(2, "no-space");
  assertEquals(scsi.answer(full).sense, [7, 0x27, 7]);
});

Deno.test("completions in another order than issue go to their own requests", () => {
  const scsi = driver();
  const sent = [0, 1, 2].map((sector) => scsi.send(read10(sector, 1), { inBytes: 512 }));
  for (const number of [2, 0, 1]) {
    scsi.board.complete(number, "done", new Uint8Array(512).fill(number + 1));
    assertEquals(scsi.answer(sent[number]!).data[0], number + 1);
  }
});

Deno.test("reads in flight are bounded, too", () => {
  const scsi = new ScsiDriver(disks, 128).acknowledgeResets();
  for (let count = 0; count < 18; count++) scsi.send(read10(0, 2048), { inBytes: 2 ** 20 });
  assertEquals(scsi.board.outstanding.operations.size, 16);
  scsi.board.complete(0, "io-error");
  assertEquals(scsi.board.outstanding.operations.size, 16);
});

Deno.test("data in flight is bounded, and what waits is issued as room comes", () => {
  const scsi = new ScsiDriver(disks, 128).acknowledgeResets();
  const dataOut = new Uint8Array(2 ** 20);
  const sent = Array.from({ length: 18 }, () => scsi.send(write10(0, 2048), { dataOut }));
  assertEquals(scsi.board.outstanding.operations.size, 16);
  scsi.board.complete(3);
  assertEquals(scsi.board.outstanding.operations.size, 16);
  assertEquals(scsi.used(2).map(({ head }) => head), [sent[3]!.head]);
  scsi.board.complete(4);
  scsi.board.complete(5);
  assertEquals(scsi.board.outstanding.operations.size, 15);
  assertEquals(scsi.board.outstanding.takeIssued().length, 18);
});

Deno.test("the driver may change the sizes of CDB and sense, within bounds", () => {
  const scsi = driver();
  scsi.board.store(0x100 + 20, 4);
  assertEquals(scsi.board.load(0x100 + 20), 4);
  const sent = scsi.send([0xff]);
  const { sense, written } = scsi.answer(sent);
  assertEquals(written, 16);
  assertEquals(sense, [5, 0xee, 0xee], "only four bytes of sense are written");
  scsi.board.store(0x100 + 24, 256);
  assertEquals(scsi.needsReset(), true);
  scsi.start(3);
  assertEquals([scsi.board.load(0x100 + 20), scsi.board.load(0x100 + 24)], [96, 32]);
});

Deno.test("a CDB size of zero is a TEST UNIT READY and breaks nothing", () => {
  const scsi = driver();
  scsi.board.store(0x100 + 24, 0);
  assertEquals(scsi.command([0xff]).status, 0);
});

Deno.test("ABORT TASK is answered when its operation has settled, which is answered as aborted", () => {
  const scsi = driver();
  const command = scsi.send(read10(0, 1), { inBytes: 512, tag: 7 });
  const other = scsi.send(read10(1, 1), { inBytes: 512, tag: 8 });
  const abort = scsi.manage(0, 7);
  assertEquals(scsi.managed(abort), undefined);
  scsi.board.complete(1, "done", new Uint8Array(512).fill(1));
  assertEquals(scsi.answer(other).status, 0);
  scsi.board.complete(0, "done", new Uint8Array(512).fill(1));
  const { response, data } = scsi.answer(command);
  assertEquals([response, data[0]], [2, 0]);
  assertEquals(scsi.managed(abort), 0);
});

Deno.test("a used ring that is moved out of RAM leaves no request waiting for what has settled", () => {
  const scsi = new ScsiDriver().acknowledgeResets();
  scsi.send(read10(0, 1), { tag: 7, inBytes: 512 });
  scsi.send(read10(9, 1), { tag: 8, inBytes: 512 });
  for (const tag of [7, 7, 8]) scsi.manage(0, tag);
  const { board } = scsi;
  board.store(0x030, 0);
  board.store(0x0a4, 0xff);
  board.complete(0, "done", new Uint8Array(512));
  assertEquals(scsi.needsReset(), true);
  // Both have been answered as far as that goes; what is left can be restored.
  const waiting = scsi.scsi.taskManagement.save();
  assertEquals(waiting.map(({ operations }) => operations), [[1]]);
  scsi.scsi.restore(waiting);
});

Deno.test("aborting a task that is not there is complete at once, and asking for it finds nothing", () => {
  const scsi = driver();
  assertEquals(scsi.managed(scsi.manage(0, 7)), 0);
  assertEquals(scsi.managed(scsi.manage(6, 7)), 0);
  assertEquals(scsi.managed(scsi.manage(7)), 0);
  scsi.send(read10(0, 1), { inBytes: 512, tag: 7 });
  assertEquals(scsi.managed(scsi.manage(6, 7)), 10);
  assertEquals(scsi.managed(scsi.manage(6, 8)), 0);
  assertEquals(scsi.managed(scsi.manage(7)), 10);
  assertEquals(scsi.managed(scsi.manage(7, 0, [1, 1, 0, 0, 0, 0, 0, 0])), 0);
});

Deno.test("a reset of a logical unit ends its commands with RESET and raises a unit attention", () => {
  const scsi = driver();
  const commands = [
    scsi.send(read10(0, 1), { inBytes: 512 }),
    scsi.send([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    scsi.send(read10(0, 1), { inBytes: 512, target: 1 }),
  ];
  const reset = scsi.manage(5);
  scsi.board.complete(0, "uncertain");
  assertEquals(scsi.answer(commands[0]!).response, 4);
  assertEquals(scsi.managed(reset), undefined);
  scsi.board.complete(1, "done");
  assertEquals(scsi.answer(commands[1]!).response, 4);
  assertEquals(scsi.managed(reset), 0);
  scsi.board.complete(2, "done", new Uint8Array(512));
  assertEquals(scsi.answer(commands[2]!).response, 0);
  assertEquals(scsi.command([0, 0, 0, 0, 0, 0]).sense, resetOccurred);
  assertEquals(scsi.command([0, 0, 0, 0, 0, 0], { target: 1 }).status, 0);
});

Deno.test("task management refuses unknown functions, targets and LUNs", () => {
  const scsi = driver();
  assertEquals(scsi.managed(scsi.manage(2)), 11);
  assertEquals(scsi.managed(scsi.manage(8)), 11);
  assertEquals(scsi.managed(scsi.manage(5, 0, [1, 2, 0, 0, 0, 0, 0, 0])), 3);
  assertEquals(scsi.managed(scsi.manage(5, 0, [1, 0, 0x40, 1, 0, 0, 0, 0])), 12);
});

Deno.test("asynchronous notification requests have no events, other control requests break the device", () => {
  const scsi = driver();
  const request = scsi.buffer(16);
  const response = scsi.buffer(5);
  scsi.board.poke(request, [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0]);
  scsi.board.poke(response, [1, 1, 1, 1, 1]);
  scsi.offer(
    0,
    scsi.chain(0, [{ address: request, length: 16 }, {
      address: response,
      length: 5,
      write: true,
    }]),
  );
  scsi.notify(0);
  assertEquals(scsi.used(0).map(({ written }) => written), [5]);
  assertEquals([...scsi.board.memory.read(response, 5)], [0, 0, 0, 0, 0]);
  scsi.board.poke(request, [3]);
  scsi.offer(
    0,
    scsi.chain(0, [{ address: request, length: 16 }, {
      address: response,
      length: 5,
      write: true,
    }]),
  );
  scsi.notify(0);
  assertEquals(scsi.needsReset(), true);
});

Deno.test("event buffers stay where they are", () => {
  const scsi = driver();
  scsi.offer(1, scsi.chain(1, [{ address: scsi.buffer(16), length: 16, write: true }]));
  scsi.notify(1);
  assertEquals(scsi.used(1), []);
  assertEquals(scsi.needsReset(), false);
});

Deno.test("WRITE SAME of zeros unmaps, of anything else writes it again and again", () => {
  const scsi = driver();
  const same10 = (sector: number, sectors: number, dataOut: Uint8Array, flags = 0) =>
    scsi.send([0x41, flags, ...big(sector, 4), 0, ...big(sectors, 2), 0], { dataOut });
  const same16 = (sector: number, sectors: number, flags: number, dataOut?: Uint8Array) =>
    scsi.send(
      [0x93, flags, ...big(sector, 8), ...big(sectors, 4), 0, 0],
      dataOut === undefined ? {} : { dataOut },
    );
  const zeros = new Uint8Array(512);
  const pattern = new Uint8Array(512).fill(3);
  same10(8, 16, zeros);
  same10(0, 2, pattern, 0x08);
  same16(8190, 2, 0x08, zeros);
  same16(1, 2048, 0x01);
  assertEquals(requests(scsi), [
    { kind: "disk-unmap", disk: 0, ranges: [{ sector: 8, sectors: 16 }] },
    { kind: "disk-write", disk: 0, sector: 0, data: new Uint8Array(1024).fill(3) },
    { kind: "disk-unmap", disk: 0, ranges: [{ sector: 8190, sectors: 2 }] },
    { kind: "disk-unmap", disk: 0, ranges: [{ sector: 1, sectors: 2048 }] },
  ]);
  for (const flags of [0x10, 0x04, 0x02, 0x20]) {
    assertEquals(scsi.answer(same10(0, 1, zeros, flags)).sense, invalidField);
  }
  assertEquals(scsi.answer(same10(0, 0, zeros)).sense, invalidField);
  assertEquals(scsi.answer(same16(0, 2049, 0, zeros)).sense, invalidField);
  assertEquals(scsi.answer(same16(8191, 2, 0, zeros)).sense, outOfRange);
  const readOnly = scsi.send([0x41, 0, 0, 0, 0, 0, 0, 0, 1, 0], { target: 1, dataOut: zeros });
  assertEquals(scsi.answer(readOnly).sense, [7, 0x27, 0]);
});

Deno.test("every command is reported, one by one and all together", () => {
  const scsi = driver();
  const report = (options: number, code: number, action = 0, inBytes = 512) =>
    scsi.command(
      [0xa3, 0x0c, options, code, ...big(action, 2), ...big(inBytes, 4), 0, 0],
      { inBytes },
    );
  assertEquals([...reportedCodes].sort(), [...scsiCommands.keys()].sort());
  const all = report(0, 0).data;
  assertEquals(all[3], 8 * reportedCodes.size);
  for (const code of reportedCodes) {
    const acted = code === 0x9e || code === 0xa3;
    const action = code === 0x9e ? 0x10 : acted ? 0x0c : 0;
    const { data } = report(acted ? 2 : 1, code, action);
    const length = [6, 10, 10, 0, 16, 12][code >> 5];
    assertEquals([...data.subarray(0, 5)], [0, 3, 0, length, code]);
    assertEquals(data[5]! & 0x1f, acted ? 0x1f : data[5]! & 0x1f);
    assertEquals(report(acted ? 1 : 2, code, action).sense, invalidField);
    assertEquals(report(3, code, action).data[1], 3);
    assertEquals(report(3, code, 0x1e).data[1], 1);
  }
  assertEquals([...report(1, 0x2e).data.subarray(0, 4)], [0, 1, 0, 0]);
  assertEquals(report(4, 0).sense, invalidField);
  assertEquals(
    scsi.command([0xa3, 0x0a, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0], { inBytes: 8 }).sense,
    invalidField,
  );
  assertEquals(scsi.command([0x1e, 0, 0, 0, 1, 0]).status, 0);
});
