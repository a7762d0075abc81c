/** Runs `test` with a folder of its own, and removes that afterwards: tests run side by side. */
export async function withFolder<Result>(
  test: (folder: string) => Result | Promise<Result>,
): Promise<Result> {
  const folder = await Deno.makeTempDir({ prefix: "lockstep-" });
  try {
    return await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
