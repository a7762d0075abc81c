/**
 * Builds the guests into `fixtures/*.elf` with Debian 12's clang 14 and lld 14.
 *
 *     deno task guests            rebuild all
 *     deno task guests --check    rebuild elsewhere and compare; exit 1 on a difference
 *     deno task guests --debug FOLDER [GUEST...]    the same code in FOLDER, with what a debugger wants
 *
 * The bytes depend on the sources and the compiler's version only: no paths, dates or build ids. With
 * another compiler `--check` says "ignored" and succeeds.
 */

const guestsFolder = new URL(".", import.meta.url).pathname;
const fixturesFolder = new URL("../fixtures/", import.meta.url).pathname;

/** The compiler and linker that the committed fixtures were built with. */
const compiler = "clang-14";
const linker = "ld.lld-14";
const compilerVersion = "Debian clang version 14.0.6";
const linkerVersion = "Debian LLD 14.0.6";

const compilerFlags = [
  ...["--target=riscv64-unknown-elf", "-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"],
  ...["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"],
  ...["-ffreestanding", "-fno-pie", "-nostdlib"],
  ...["-mno-relax", "-fno-ident", "-fno-stack-protector", "-fno-asynchronous-unwind-tables"],
  ...["-ffunction-sections", "-fdata-sections", "-Iruntime"],
];
/**
 * What some sources want besides. The calling convention stays the one without floating-point registers. A fused
 * multiply-add rounds once: without it the checksum is the one of every host.
 */
const sourceFlags: Readonly<Record<string, readonly string[]>> = {
  "bench/double_matrix.c": ["-march=rv64gc", "-ffp-contract=off"],
};
const linkerFlags = [
  "--gc-sections",
  "--build-id=none",
  "--discard-locals",
  "-T",
  "runtime/link.ld",
];

/** Whether line numbers, types and variables are in what is built; the code is the same. */
const [mode, debugFolder, ...chosen] = Deno.args;
const forDebugger = mode === "--debug" && debugFolder !== undefined;
const compilerExtra = forDebugger ? "-g" : "-g0";
const linkerExtra = forDebugger ? [] : ["--strip-debug"];

/** Folders beside this file that are no guests of this build: `linux` is fetched. */
const otherFolders = ["runtime", "linux"];

/** Every guest is a folder beside this file; its name is the name of the fixture. */
async function guestNames(): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(guestsFolder)) {
    if (entry.isDirectory && !otherFolders.includes(entry.name)) names.push(entry.name);
  }
  return names.sort();
}

/** C and assembly sources of one folder, relative to `guests/`, in a fixed order. */
async function sources(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(guestsFolder + folder)) {
    if (/\.[cS]$/.test(entry.name)) files.push(`${folder}/${entry.name}`);
  }
  return files.sort();
}

async function run(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd: guestsFolder })
    .output();
  if (!success) {
    throw new Error(`${command} ${args.join(" ")} failed\n${new TextDecoder().decode(stderr)}`);
  }
  return new TextDecoder().decode(stdout);
}

async function compile(source: string, folder: string): Promise<string> {
  const object = `${folder}/${source.replaceAll("/", "_")}.o`;
  const flags = [...compilerFlags, ...sourceFlags[source] ?? [], compilerExtra];
  await run(compiler, [...flags, "-c", source, "-o", object]);
  return object;
}

/** Builds all guests into `output`, with objects in `scratch`. */
async function build(names: string[], output: string, scratch: string): Promise<void> {
  const runtime: string[] = [];
  for (const source of await sources("runtime")) runtime.push(await compile(source, scratch));
  for (const name of names) {
    const objects: string[] = [];
    for (const source of await sources(name)) objects.push(await compile(source, scratch));
    await run(linker, [
      ...linkerFlags,
      ...linkerExtra,
      ...runtime,
      ...objects,
      "-o",
      `${output}/${name}.elf`,
    ]);
  }
}

/** Why this machine's tools cannot give the committed bytes, or nothing when they can. */
async function unsuitableTools(): Promise<string | undefined> {
  for (
    const [command, version] of [[compiler, compilerVersion], [linker, linkerVersion]] as const
  ) {
    try {
      const found = (await run(command, ["--version"])).split("\n")[0] ?? "";
      if (!found.startsWith(version)) return `${command} is "${found}", not "${version}"`;
    } catch {
      return `${command} is not installed`;
    }
  }
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

/** Names of guests whose committed bytes differ from a rebuild in `output`. */
async function differing(names: string[], output: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const built = await Deno.readFile(`${output}/${name}.elf`);
    const committed = await Deno.readFile(`${fixturesFolder}${name}.elf`).catch(() =>
      new Uint8Array()
    );
    if (!equalBytes(built, committed)) found.push(name);
  }
  return found;
}

const check = mode === "--check";
if (mode !== undefined && !check && !forDebugger) {
  console.log("guests: the arguments are nothing, --check, or --debug FOLDER [GUEST...]");
  Deno.exit(1);
}
const unsuitable = await unsuitableTools();
if (unsuitable !== undefined) {
  console.log(`guests: ignored, ${unsuitable}`);
  Deno.exit(check ? 0 : 1);
}
const names = chosen.length > 0 ? chosen : await guestNames();
const scratch = await Deno.makeTempDir({ prefix: "lockstep-guests-" });
try {
  await build(names, forDebugger ? debugFolder : check ? scratch : fixturesFolder, scratch);
  const different = check ? await differing(names, scratch) : [];
  for (const name of different) console.log(`guests: ${name}.elf differs from its rebuild`);
  if (different.length === 0) console.log(`guests: ${names.length} ${check ? "equal" : "built"}`);
  Deno.exitCode = different.length === 0 ? 0 : 1;
} finally {
  await Deno.remove(scratch, { recursive: true });
}
