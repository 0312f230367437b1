/**
 * A server that plays the part of GitHub which an installation asks: the latest release's tag, and its files, to which
 * GitHub redirects.
 *
 * @module
 */

/** The project whose releases it has. */
const REPOSITORY = "orange-cloudfoundry/mdproxy4cs";

/** A server of releases on loopback. */
export interface GitHub extends AsyncDisposable {
  /** What stands for `https://github.com` and for `https://api.github.com`. */
  readonly url: string;
  /** The paths that were asked for, in order. */
  readonly requests: readonly string[];
}

/**
 * Serves a folder as the files of one release, the latest.
 *
 * @param tag as in `v2.0.0`
 * @param replace files to serve instead of the folder's, by name
 */
export function startGitHub(folder: string, tag: string, replace: Readonly<Record<string, string>> = {}): GitHub {
  const requests: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    requests.push(pathname);
    const found = (location: string) => new Response(null, { status: 302, headers: { location } });
    if (pathname === `/repos/${REPOSITORY}/releases/latest`) {
      return new Response(JSON.stringify({ url: "", tag_name: tag, name: tag, assets: [] }, undefined, 2));
    }
    const name = pathname.split("/").at(-1)!;
    switch (pathname.slice(0, -name.length)) {
      case `/${REPOSITORY}/releases/latest/download/`:
        return found(`/${REPOSITORY}/releases/download/${tag}/${name}`);
      case `/${REPOSITORY}/releases/download/${tag}/`:
        return found(`/objects/${name}`);
      case "/objects/": {
        if (replace[name] !== undefined) return new Response(replace[name]);
        const file = await Deno.open(`${folder}/${name}`).catch(() => undefined);
        if (file !== undefined) return new Response(file.readable);
      }
    }
    return new Response("Not Found", { status: 404 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
