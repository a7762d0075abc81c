/** Waiting that can be cut short and leaves no timer behind. */

/** Resolves after `milliseconds`, or as soon as `cut` is aborted; never rejects. */
export function pause(milliseconds: number, cut?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (cut?.aborted) return resolve();
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      cut?.removeEventListener("abort", done);
      resolve();
    }
    cut?.addEventListener("abort", done);
  });
}

/** Whether `work` settled within `milliseconds`; its outcome is left to whoever holds it. */
export async function settledWithin(
  work: Promise<unknown>,
  milliseconds: number,
): Promise<boolean> {
  const stop = new AbortController();
  let settled = false;
  const watched = work.then(() => {}, () => {}).then(() => {
    settled = true;
    stop.abort();
  });
  await Promise.race([watched, pause(milliseconds, stop.signal)]);
  stop.abort();
  return settled;
}
