import { assertEquals } from "@std/assert";
import { mirrorsOf } from "../../guests/linux/apt_sources.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

Deno.test("a mirror is found in the deb822 format, and the security archive is none", () => {
  const text = `Types: deb
# a comment within a stanza
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /etc/keys/ours.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;
  assertEquals(mirrorsOf("debian.sources", text, "bookworm"), [
    { uri: "http://mirror.example/debian", keyring: "/etc/keys/ours.gpg" },
  ]);
});

Deno.test("fields of the deb822 format go on in the next line, and keys may be in the file", () => {
  const text = `types: deb deb-src
uris: cdrom:[Debian]
 http://one.example/debian/
 http://two.example/debian/
suites: stable
components: contrib main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----
`;
  assertEquals(mirrorsOf("debian.sources", text, "trixie"), [
    { uri: "http://one.example/debian/", keyring: KEYRING },
    { uri: "http://two.example/debian/", keyring: KEYRING },
  ]);
});

Deno.test("a stanza that is switched off is no mirror, nor are sources and foreign archives", () => {
  const stanza = (types: string, suites: string, enabled: string) =>
    `Types: ${types}\nURIs: http://a.example/\nSuites: ${suites}\nComponents: main\nEnabled: ${enabled}\n`;
  const count = (text: string) => mirrorsOf("a.sources", text, "bookworm").length;
  assertEquals(count(stanza("deb", "bookworm", "yes")), 1);
  assertEquals(count(stanza("deb", "bookworm", "no")), 0);
  assertEquals(count(stanza("deb-src", "bookworm", "yes")), 0);
  assertEquals(count(stanza("deb", "nodistro", "yes")), 0);
});

Deno.test("a mirror is found in the one-line format", () => {
  const text = `# deb http://off.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/etc/keys/ours.gpg] http://one.example/debian bookworm main contrib # ours
deb http://two.example/debian bookworm contrib
deb http://three.example/debian sid main
deb http://four.example/debian-security bookworm-security main
deb cdrom:[Debian]/ bookworm main
`;
  assertEquals(mirrorsOf("sources.list", text, "bookworm"), [
    { uri: "http://one.example/debian", keyring: "/etc/keys/ours.gpg" },
    { uri: "http://three.example/debian", keyring: KEYRING },
  ]);
});
