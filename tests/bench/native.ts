/** The phases of the guest `bench`, compiled for the host itself by the host's gcc. */
const GUEST = new URL("../../guests/bench/", import.meta.url).pathname;
const RUNTIME = new URL("../../guests/runtime/", import.meta.url).pathname;
const MAIN = new URL("native/main.c", import.meta.url).pathname;
/** Everything but the guest's own main. */
const PHASES = [
  ...["phases", "sieve", "hash", "integer_matrix", "double_matrix", "recursion", "sort", "memcpy"],
].map((name) => `${GUEST}${name}.c`);

/** The compiler. */
export const GCC = "gcc";

/** Builds the program into `folder`; answers its path. */
export async function buildNative(folder: string): Promise<string> {
  const program = `${folder}/native`;
  const { success, stderr } = await new Deno.Command(GCC, {
    args: ["-std=gnu11", "-O2", "-iquote", GUEST, "-iquote", RUNTIME, "-o", program]
      .concat(MAIN, ...PHASES),
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot build ${program}: ${new TextDecoder().decode(stderr)}`);
  return program;
}
