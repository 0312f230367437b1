/**
 * What a client does that means harm, many times at once. Runs inside a host as a process of its own; says `open N` when
 * all is done, and holds what it has until it is stopped.
 *
 * @module
 */

/** What is done on each connection. */
export interface Act {
  readonly connections: number;
  /** What is written; a character is a byte. */
  readonly text: string;
  /** How often (default: once), and by how many more characters it is followed. */
  readonly times?: number;
  readonly padding?: number;
  /** Whether all of it is done anew for ever. No answer is ever read. */
  readonly again?: boolean;
}

const PROXY = { hostname: "169.254.169.254", port: 39724 };

async function perform({ connections, text, times = 1, padding = 0, again = false }: Act): Promise<void> {
  const bytes = Uint8Array.from(text.repeat(times) + "a".repeat(padding), (character) => character.charCodeAt(0));
  const held = new Map<number, Deno.Conn>();
  for (let round = 0; round === 0 || again; round++) {
    for (let i = 0; i < connections; i++) {
      try {
        held.get(i)?.close();
      } catch {
        // Closed by the program.
      }
      try {
        const connection = await Deno.connect(PROXY);
        held.set(i, connection);
        // What the other side does not take is not waited for.
        for (let at = 0; at < bytes.length;) {
          const sent = await Promise.race([connection.write(bytes.subarray(at)), later()]);
          if (sent === undefined) break;
          at += sent;
        }
      } catch {
        // Refused, or cut.
      }
    }
    if (round === 0) console.log(`open ${held.size}`);
  }
  setInterval(() => held.size, 60_000);
}

function later(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), 20));
}

if (import.meta.main) await perform(JSON.parse(Deno.args[0]!));
