import { assert, assertEquals } from "@std/assert";
import { withFolder } from "../host/temporary_folder.ts";

const TRANSPORT = import.meta.resolve("../../lib/replica/transport_standard.ts");

/** What `lockstep primary -o -` and `lockstep backup -` do with standard output and input. */
const WRITER = `
  import { openStandardOutput } from ${JSON.stringify(TRANSPORT)};
  const out = openStandardOutput();
  console.error("writer " + JSON.stringify(out.identity));
  const writer = out.writable.getWriter();
  const pieces = Number(Deno.args[0]);
  try {
    for (let i = 0; i < pieces; i++) await writer.write(new Uint8Array(1000).fill(i));
    await writer.close();
    console.error("writer done");
  } catch (error) {
    console.error("writer " + error.name + " gone=" + error.gone);
  }
  await out.close();`;

const READER = `
  import { openStandardInput } from ${JSON.stringify(TRANSPORT)};
  const back = openStandardInput();
  console.error("reader " + JSON.stringify(back.identity));
  if (Deno.args[1] === "drain") setTimeout(() => back.endAtPresentEnd(), 300);
  let total = 0;
  const most = Number(Deno.args[0]);
  for await (const chunk of back.readable) {
    total += chunk.length;
    if (total >= most) break;
  }
  console.error("reader got " + total);
  await back.close();
  Deno.exit(0);`;

async function shell(folder: string, command: string): Promise<string[]> {
  Deno.writeTextFileSync(`${folder}/writer.ts`, WRITER);
  Deno.writeTextFileSync(`${folder}/reader.ts`, READER);
  const run = `'${Deno.execPath()}' run --no-prompt --no-config`;
  const { stderr } = await new Deno.Command("sh", {
    args: [
      "-c",
      command.replaceAll("WRITER", `${run} writer.ts`).replaceAll("READER", `${run} reader.ts`),
    ],
    cwd: folder,
    stdout: "null",
  }).output();
  return new TextDecoder().decode(stderr).trim().split("\n").sort();
}

Deno.test("both ends of a shell's pipe see the same device and inode, and every byte arrives", () =>
  withFolder(async (folder) => {
    const lines = await shell(folder, "WRITER 500 | READER Infinity");
    assertEquals(lines.length, 4, lines.join("\n"));
    const [got, readerIdentity, done, writerIdentity] = lines;
    assertEquals([got, done], ["reader got 500000", "writer done"]);
    assert(/"inode":\d+/.test(readerIdentity!));
    assertEquals(readerIdentity!.slice(7), writerIdentity!.slice(7));
  }));

Deno.test("a relay between the ends has other pipes on its two sides", () =>
  withFolder(async (folder) => {
    const lines = await shell(folder, "WRITER 5 | cat | READER Infinity");
    const [got, readerIdentity, , writerIdentity] = lines;
    assertEquals(got, "reader got 5000");
    assert(readerIdentity!.slice(7) !== writerIdentity!.slice(7));
  }));

Deno.test("a reader that leaves is a broken pipe for the writer, not its death", () =>
  withFolder(async (folder) => {
    const lines = await shell(folder, "WRITER 5000 | READER 1");
    assert(lines.includes("writer TransportError gone=true"), lines.join("\n"));
  }));

Deno.test("a log on standard input from a file is followed until it is told to end", () =>
  withFolder(async (folder) => {
    const follow =
      "WRITER 3 > log; (sleep 0.15; head -c 500 /dev/zero >> log) & READER Infinity drain < log";
    const lines = await shell(folder, follow);
    const [got, readerIdentity, done, writerIdentity] = lines;
    assertEquals([got, done], ["reader got 3500", "writer done"]);
    assertEquals(readerIdentity!.slice(7), writerIdentity!.slice(7));
  }));
