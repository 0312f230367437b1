/**
 * A signal that tells who still listens to it, for whatever has to leave it as it was.
 *
 * @module
 */

/** Creates a signal that knows how many listen to it. */
export function createCountedSignal() {
  const controller = new AbortController();
  const { signal } = controller;
  const counted = { signal, listeners: 0, abort: () => controller.abort() };
  const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
  signal.addEventListener = (type: string, listener: EventListenerOrEventListenerObject) => {
    counted.listeners += 1;
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: EventListenerOrEventListenerObject) => {
    counted.listeners -= 1;
    remove(type, listener);
  };
  return counted;
}
