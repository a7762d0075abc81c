/**
 * `deno task install [FOLDER]`: puts `lockstep` on the PATH, as a small shell script.
 *
 * `deno install --global` would give every run the same permissions, with all of the network among them:
 * Deno scopes sockets by exact path only. The script gives each run the sockets that its arguments name.
 */

const PROJECT = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");

/** The script. It gives its place to Deno, so that its process id is the machine's. */
function script(deno: string): string {
  return `#!/bin/sh
# Written by "deno task install" of ${PROJECT}
deno=${quoted(deno)}
[ -x "$deno" ] || deno=deno
sockets=
before=
for argument in "$@"; do
  path=
  address=
  case $before in --listen) address=$argument ;; esac
  case $argument in --listen=*) address=\${argument#--listen=} ;; esac
  case $address in
    127.*|localhost:*|'[::1]:'*) sockets=\${sockets:+$sockets,}\${address%:*} ;;
  esac
  before=$argument
  case $argument in
    unix:*) path=\${argument#unix:} ;;
    --*=unix:*) path=\${argument#*=unix:} ;;
  esac
  path=\${path%%,*}
  case $path in
    '') continue ;;
    /*) ;;
    *) path=$(pwd -P)/$path ;;
  esac
  sockets=\${sockets:+$sockets,}unix:$path
done
exec "$deno" run --quiet --no-prompt --config=${quoted(`${PROJECT}/deno.json`)} \\
  --allow-read --allow-write --allow-run=sh,"$deno" --allow-env=LOCKSTEP_TRACE \\
  \${sockets:+"--allow-net=$sockets"} ${quoted(`${PROJECT}/cli.ts`)} "$@"
`;
}

/** The first of the usual folders that is on the PATH and can be written to. */
function chosenFolder(): string {
  const home = Deno.env.get("HOME") ?? "/root";
  const usual = [`${home}/.deno/bin`, `${home}/.local/bin`, "/usr/local/bin"];
  return usual.find((folder) => onPath(folder) && writable(folder)) ?? usual[0]!;
}

function onPath(folder: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").includes(folder);
}

function writable(folder: string): boolean {
  try {
    Deno.removeSync(Deno.makeTempFileSync({ dir: folder }));
    return true;
  } catch {
    return false;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? chosenFolder();
  Deno.mkdirSync(folder, { recursive: true });
  const path = `${folder}/lockstep`;
  Deno.writeTextFileSync(path, script(Deno.execPath()));
  Deno.chmodSync(path, 0o755);
  console.log(`Installed ${path}`);
  if (!onPath(folder)) console.log(`Add it to the PATH: export PATH="${folder}:$PATH"`);
}
