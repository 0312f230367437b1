/**
 * The commit a program was built from. `tools/compile.ts` puts a module with the real one in this module's place.
 *
 * @module
 */

export const COMMIT: string = "development";
