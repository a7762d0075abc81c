/** Where the fetched guest lives: outside git, in the user's cache. */

/** The folder of everything that `deno task linux` keeps. A relative XDG_CACHE_HOME counts for none (XDG). */
export function cacheFolder(): string {
  const named = Deno.env.get("XDG_CACHE_HOME");
  const cache = named?.startsWith("/") ? named : `${Deno.env.get("HOME")}/.cache`;
  return `${cache}/lockstep/linux`;
}

/** `deno task linux` asks for it, to be allowed no other folder. */
if (import.meta.main) console.log(cacheFolder());
