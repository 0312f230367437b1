/**
 * Paths of files, wherever the repository was put.
 *
 * @module
 */

/**
 * The path of the file that stands at `relative` to a module.
 *
 * A URL's `pathname` is no path: a space, an umlaut, `#`, `%` or `?` in a folder's name is written otherwise in it.
 *
 * @param module the `import.meta.url` of the module
 */
export function filePath(relative: string, module: string): string {
  return decodeURIComponent(new URL(relative, module).pathname);
}

/** Whether there is something at the path. */
export function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}
