/**
 * Amazon's own client of an instance metadata service, of its SDK for JavaScript: fetched from npm by whoever tests with
 * it, into a cache outside of the tree.
 *
 * @module
 */

/** The version that is tested with. */
const VERSION = "3.1164.0";

/** Asks an endpoint (first argument) for a path (second) as the SDK does: a token by PUT, then a GET that shows it. */
const SCRIPT = `
import { MetadataService } from "npm:@aws-sdk/ec2-metadata-service@${VERSION}";
const [endpoint, path] = Deno.args;
const service = new MetadataService({ endpoint, httpOptions: { timeout: 10000 }, maxAttempts: 1 });
const token = await service.fetchMetadataToken();
const value = await service.request(path, {});
console.log(JSON.stringify({ hasToken: token.length > 0, value }));
`;

/** A client that is ready to run, or why there is none. */
export type AwsSdk = { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> } | {
  readonly why: string;
};

/** Fetches the client. It needs the network once, and none when it runs. */
export async function prepareAwsSdk(): Promise<AwsSdk> {
  const home = Deno.env.get("MDPROXY4CS_CACHE") ?? `${Deno.env.get("HOME") ?? "/tmp"}/.cache/mdproxy4cs`;
  const folder = `${home}/aws-sdk-${VERSION}`;
  const script = `${folder}/client.mjs`;
  const deno = Deno.execPath();
  const env = { DENO_DIR: `${folder}/deno`, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  try {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(script, SCRIPT);
    const { success, stderr } = await new Deno.Command(deno, {
      args: ["cache", "--quiet", "--no-config", script],
      env,
      stdin: "null",
    }).output();
    if (!success) return { why: `npm cannot be reached: ${new TextDecoder().decode(stderr).trim().split("\n")[0]}` };
  } catch (error) {
    return { why: (error as Error).message };
  }
  return { argv: [deno, "run", "--quiet", "--no-config", "--cached-only", "--allow-all", script], env };
}
