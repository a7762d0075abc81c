/** Reading streams in tests. */

/** Everything up to the end. */
export async function readAll(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: number[] = [];
  for await (const chunk of readable) parts.push(...chunk);
  return new Uint8Array(parts);
}

/** Reads until `bytes` have come; the reader is kept for more. */
export async function readCount(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  bytes: number,
): Promise<Uint8Array> {
  const parts: number[] = [];
  while (parts.length < bytes) {
    const { value, done } = await reader.read();
    if (done) break;
    parts.push(...value);
  }
  return new Uint8Array(parts);
}

/** What a promise does within so many milliseconds. */
export async function within<T>(
  milliseconds: number,
  work: Promise<T>,
): Promise<T | "still waiting"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"still waiting">((resolve) => {
    timer = setTimeout(resolve, milliseconds, "still waiting");
  });
  const result = await Promise.race([work, late]);
  clearTimeout(timer);
  return result;
}
