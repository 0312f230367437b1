/**
 * The commit a program was built from. `tools/compile.ts` puts the real one in the
 * place of this text.
 *
 * @module
 */

export const COMMIT: string = "development";
