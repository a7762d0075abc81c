/**
 * A web server of this host on loopback, at a port that it tells: `web_server.ts TEXT` serves TEXT at `/page`.
 */
const [text = ""] = Deno.args;

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(port),
}, (request) => {
  const { pathname } = new URL(request.url);
  return pathname === "/page" ? new Response(text) : new Response("Not here", { status: 404 });
});
