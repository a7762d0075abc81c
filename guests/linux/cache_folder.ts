/** Where the fetched guest lives: outside git, in the user's cache. */

/** The folder of everything that `deno task linux` keeps. */
export function cacheFolder(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME")}/.cache`;
  return `${cache}/lockstep/linux`;
}

/** `deno task linux` asks for it, to be allowed no other folder. */
if (import.meta.main) console.log(cacheFolder());
