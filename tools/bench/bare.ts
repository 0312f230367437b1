/**
 * The least that this runtime can do: a server that answers every request with the same text. What the program costs
 * more than this is its own; the rest is Deno's.
 *
 * @module
 */

const BODY = new TextEncoder().encode("x".repeat(1_000));
const [hostname = "127.0.0.1", port = "0"] = Deno.args;

Deno.serve({ hostname, port: Number(port), onListen() {} }, () => new Response(BODY));
