/** gdb in batch mode, on recordings of our guests. */

/** Whether gdb can be run; a test that needs it is ignored otherwise, unless peers are required. */
export const hasGdb: boolean = await isInstalled();

async function isInstalled(): Promise<boolean> {
  try {
    return (await new Deno.Command("gdb-multiarch", { args: ["--version"] }).output()).success;
  } catch {
    if (Deno.env.get("LOCKSTEP_REQUIRE_PEERS") === "1") {
      throw new Error("gdb-multiarch is not installed");
    }
    return false;
  }
}

/** Runs gdb commands one after the other; answers what each has shown. A command that fails shows its error. */
export async function gdb(
  elf: string,
  commands: readonly string[],
  folder: string,
): Promise<string[]> {
  const mark = (index: number) => `----${index}----`;
  const lines = commands.flatMap((command, index) => [command, `echo \\n${mark(index)}\\n`]);
  const { stdout } = await new Deno.Command("sh", {
    args: [
      // Errors go where they belong in the order of things.
      ...["-c", 'exec gdb-multiarch "$@" 2>&1', "gdb"],
      ...["-q", "-batch", "-nx", "-iex", "set auto-load off", "-iex", "set pagination off"],
      ...["-iex", "set debuginfod enabled off", "-iex", "set style enabled off"],
      // However busy this host is.
      ...["-iex", "set remotetimeout 60", elf],
      ...lines.flatMap((line) => ["-ex", line]),
    ],
    cwd: folder,
    stdin: "null",
    env: { NO_COLOR: "1", LC_ALL: "C" },
  }).output();
  let rest = new TextDecoder().decode(stdout);
  return commands.map((_, index) => {
    const [shown, ...more] = rest.split(`\n${mark(index)}\n`);
    rest = more.join(`\n${mark(index)}\n`);
    return shown!;
  });
}
