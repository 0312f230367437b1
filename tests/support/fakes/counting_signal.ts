/**
 * A signal that knows how many listen to it, to see that whoever did has ceased to.
 *
 * @module
 */

/** Creates a signal that never aborts, and what tells how many listeners it has. */
export function createCountingSignal(): { readonly signal: AbortSignal; listeners(): number } {
  let listeners = 0;
  const signal = new Proxy(new AbortController().signal, {
    get(target, name) {
      if (name === "addEventListener") return () => void listeners++;
      if (name === "removeEventListener") return () => void listeners--;
      return Reflect.get(target, name, target);
    },
  });
  return { signal, listeners: () => listeners };
}
