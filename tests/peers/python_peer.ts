/** Python with cbor2: what reads our logs without a line of our code. */

const python = "/usr/bin/python3";

/** How a Python program ended. */
export interface PythonResult {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs Python with these arguments and this standard input; undefined when there is no Python. */
export async function runPython(
  words: readonly string[],
  input: Uint8Array,
): Promise<PythonResult | undefined> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(python, {
      args: [...words],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch {
    return undefined;
  }
  const output = child.output();
  const writer = child.stdin.getWriter();
  // A program that has seen enough does not read on.
  await writer.write(input).then(() => writer.close()).catch(() => {});
  const { success, stdout, stderr } = await output;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { success, stdout: text(stdout), stderr: text(stderr) };
}

/** Whether Python with cbor2 is here. */
export const pythonPresent: boolean =
  (await runPython(["-c", "import cbor2"], new Uint8Array(0)))?.success === true;

/** Whether tests that need it are left out. */
export const pythonIgnored: boolean = !pythonPresent &&
  Deno.env.get("LOCKSTEP_REQUIRE_PEERS") !== "1";

/** Goes behind a test's name. */
export const pythonReason: string = pythonPresent
  ? ""
  : " (needs /usr/bin/python3 with cbor2: apt install python3-cbor2)";
