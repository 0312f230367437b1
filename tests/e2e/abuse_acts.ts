/**
 * What a client does that means harm, many times at once. Runs inside a host as a process of its own; says `open N` when
 * all is done, and holds what it has until it is stopped.
 *
 * @module
 */

/** What is done on each connection. */
export interface Act {
  readonly connections: number;
  /** What is written; a character is a byte, `#` the number of the connection. */
  readonly text: string;
  /** How often (default: once), and by how many more characters it is followed. */
  readonly times?: number;
  readonly padding?: number;
  /** Whether all of it is done anew for ever. */
  readonly again?: boolean;
  /** Whether what comes back is read (default: nothing ever is). */
  readonly reads?: boolean;
}

const AT_ONCE = 20;

async function perform(act: Act): Promise<void> {
  const { connections, text, times = 1, padding = 0, again = false, reads = false } = act;
  const held = new Map<number, Deno.Conn>();
  const performOne = async (number: number) => {
    try {
      held.get(number)?.close();
    } catch {
      // Closed by the other side.
    }
    const whole = text.replaceAll("#", String(number)).repeat(times) + "a".repeat(padding);
    const bytes = Uint8Array.from(whole, (character) => character.charCodeAt(0));
    try {
      const connection = await Deno.connect({ hostname: "169.254.169.254", port: 39724 });
      held.set(number, connection);
      if (reads) connection.readable.pipeTo(new WritableStream()).catch(() => {});
      // What the other side does not take is not waited for.
      for (let at = 0; at < bytes.length;) {
        const sent = await Promise.race([connection.write(bytes.subarray(at)), later()]);
        if (sent === undefined) break;
        at += sent;
      }
    } catch {
      // Refused, or cut.
    }
  };
  for (let round = 0; round === 0 || again; round++) {
    for (let from = 0; from < connections; from += AT_ONCE) {
      const count = Math.min(AT_ONCE, connections - from);
      await Promise.all(Array.from({ length: count }, (_, i) => performOne(from + i)));
    }
    if (round === 0) console.log(`open ${held.size}`);
  }
  setInterval(() => held.size, 60_000);
}

function later(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), 20));
}

if (import.meta.main) await perform(JSON.parse(Deno.args[0]!));
