/**
 * The commit a program was built from. `tools/bundle.ts` replaces this text by the real one.
 *
 * @module
 */

export const COMMIT: string = "development";
