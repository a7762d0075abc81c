/** The host's own Debian mirrors, from its apt sources: sources.list(5), both formats. */

/** A place with Debian packages, and the keyring that its signatures are checked with. */
export interface Mirror {
  readonly uri: string;
  readonly keyring: string;
}

/** One entry of an apt source file. */
interface Source {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string | undefined;
}

/** Installed with every Debian. */
const ARCHIVE_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Names that a release has besides its codename. */
const SUITE_NAMES = ["oldstable", "stable", "testing", "unstable", "sid"];

/**
 * The mirrors among an apt source file's entries: those with the host's own release, so that neither
 * foreign archives nor Debian's security archive (which has other suites) are taken for one.
 */
export function mirrorsOf(fileName: string, text: string, codename: string): readonly Mirror[] {
  const sources = fileName.endsWith(".sources") ? deb822(text) : oneLine(text);
  const releases = new Set([...SUITE_NAMES, codename]);
  return sources
    .filter(({ suites, components }) =>
      components.includes("main") && suites.some((suite) => releases.has(suite))
    )
    .flatMap(({ uris, signedBy }) =>
      uris.filter((uri) => !uri.startsWith("cdrom:"))
        .map((uri) => ({ uri, keyring: keyringOf(signedBy) }))
    );
}

/** `Signed-By` may also hold a key itself, or fingerprints; Debian's keyring is there anyway. */
function keyringOf(signedBy: string | undefined): string {
  return signedBy !== undefined && /^\/\S+$/.test(signedBy) ? signedBy : ARCHIVE_KEYRING;
}

/** Stanzas of `Field: value`, apart by empty lines; a value goes on in lines that begin with a blank. */
function deb822(text: string): readonly Source[] {
  const plain = text.split("\n").filter((line) => !line.startsWith("#")).join("\n");
  return plain.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map(
      stanza.replaceAll(/\n[ \t]+/g, " ").split("\n").map((line) => {
        const colon = line.indexOf(":");
        return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const words = (name: string) => (fields.get(name) ?? "").split(/\s+/).filter(Boolean);
    if (
      !words("types").includes("deb") || /^(no|false|0|off|without|disable)$/i.test(
        fields.get("enabled") ?? "yes",
      )
    ) return [];
    return [{
      uris: words("uris"),
      suites: words("suites"),
      components: words("components"),
      signedBy: fields.get("signed-by"),
    }];
  });
}

/** Lines such as `deb [signed-by=FILE arch=amd64] URI SUITE COMPONENT...`. */
function oneLine(text: string): readonly Source[] {
  return text.split("\n").flatMap((line) => {
    const [, options = "", rest = ""] = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?([^#]*)/.exec(line) ?? [];
    const [uri, suite, ...components] = rest.split(/\s+/).filter(Boolean);
    if (uri === undefined || suite === undefined) return [];
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1];
    return [{ uris: [uri], suites: [suite], components, signedBy }];
  });
}
