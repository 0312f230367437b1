/**
 * The web server of a CloudStack virtual router, as nginx or as Apache: a file for each key of each guest, chosen by
 * the address the request comes from, and HTML pages for errors. On loopback, where neither can run, the scripted router
 * serves the same files.
 *
 * @module
 */

import type { Host, Network } from "../net/network.ts";
import type { Process } from "../net/process.ts";
import { META_DATA_FOLDER, USER_DATA_FOLDER } from "./scripted_metadata.ts";
import { startScriptedRouter } from "./scripted_router.ts";

/** What a virtual router has for one guest, by key: `user-data`, and those below /latest/meta-data/. */
export type Metadata = Readonly<Record<string, string | Uint8Array>>;

/** The web servers a router can be tested with: CloudStack's own is Apache. */
export const WEB_SERVERS = ["nginx", "apache"] as const;
export type WebServer = typeof WEB_SERVERS[number];

/** What a router would say of the guest at this address. */
export function sampleMetadata(address: string): Metadata {
  return {
    "availability-zone": "zone-1",
    "cloud-identifier": "CloudStack-{5d9f0b1c-0c1e-4c35-8c39-5a1d2f7f9f11}",
    "instance-id": `i-2-${address.split(".").at(-1)}-VM`,
    "local-hostname": "vm-1",
    "local-ipv4": address,
    "public-hostname": "192.0.2.10",
    "public-ipv4": "192.0.2.10",
    "public-keys": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO7kSample vm@example.com",
    "service-offering": "Small Instance",
    "vm-id": `vm-${address}`,
    "user-data": `{"agent_id":"agent-of-${address}","mbus":"nats://nats:secret@10.0.0.6:4222"}`,
  };
}

/** What a web server serves. */
export interface WebOptions {
  readonly server: WebServer;
  /** What each guest gets, by its address; anyone else gets an error. */
  readonly guests: Readonly<Record<string, Metadata>>;
  /** The address to listen on; every one if not given. */
  readonly address?: string;
  /** How many bytes a second each connection gets (default: as many as it takes); nginx only. */
  readonly rate?: number | undefined;
  /** More directives in that server's own language, in which `$folder` stands for its document root. */
  readonly extra?: string | undefined;
}

/** A web server at work. Its access log is among its lines: `10.1.1.50 "GET /latest/user-data HTTP/1.1" 200`. */
export async function startWebServer(network: Network, host: Host, options: WebOptions): Promise<Process> {
  const folder = `${network.folder}/${host.name}-web`;
  await Deno.mkdir(folder, { recursive: true });
  await writeDocuments(folder, options.guests);
  const { address = "0.0.0.0", rate, extra = "" } = options;
  if (network.kind === "loopback") {
    if (extra !== "") throw new Error(`Not on loopback: ${extra}`);
    return await startScriptedRouter(host, { address, guests: [], documents: folder, dhcp: false, rate });
  }
  const config = `${folder}/server.conf`;
  const { text, argv, ready } = (options.server === "nginx" ? nginx : apache)(folder, address);
  const directives = rate === undefined ? extra : `limit_rate ${rate}; ${extra}`;
  await Deno.writeTextFile(config, text.replace("#extra", directives.replaceAll("$folder", folder)));
  const process = host.start([...argv, config]);
  await process.waitForLine(ready);
  return process;
}

const LONG_AGO = new Date("2020-01-01T00:00:00Z");

/** `metadata/<guest>/<key>` and `userdata/<guest>/user-data`, as below a virtual router's /var/www/html. */
async function writeDocuments(folder: string, guests: WebOptions["guests"]): Promise<void> {
  for (const [address, metadata] of Object.entries(guests)) {
    await Deno.mkdir(`${folder}/${META_DATA_FOLDER}/${address}`, { recursive: true });
    await Deno.mkdir(`${folder}/${USER_DATA_FOLDER}/${address}`, { recursive: true });
    const keys = Object.keys(metadata).filter((key) => key !== "user-data");
    await Deno.writeTextFile(
      `${folder}/${META_DATA_FOLDER}/${address}/meta-data`,
      keys.map((key) => `${key}\n`).join(""),
    );
    for (const [key, value] of Object.entries(metadata)) {
      const path = `${folder}/${key === "user-data" ? USER_DATA_FOLDER : META_DATA_FOLDER}/${address}/${key}`;
      await (typeof value === "string" ? Deno.writeTextFile(path, value) : Deno.writeFile(path, value));
      // Of a file that has only just changed Apache is not sure whether it is done changing, and marks its ETag as weak.
      await Deno.utime(path, LONG_AGO, LONG_AGO);
    }
  }
}

interface Recipe {
  readonly text: string;
  readonly argv: readonly string[];
  readonly ready: RegExp;
}

function nginx(folder: string, address: string): Recipe {
  return {
    argv: ["nginx", "-c"],
    ready: /start worker process|using the "epoll" event method/,
    text: nginxConfig(folder, {
      listen: `${address}:80`,
      server: `
    #extra
    location / {
      rewrite ^/latest/user-data/?$ /userdata/$remote_addr/user-data break;
      rewrite ^/latest/(?:meta-data/)?([^/]+?)/?$ /metadata/$remote_addr/$1 break;
    }`,
    }),
  };
}

/** The text of an nginx of one process that has its files in a folder; `http` and `server` are directives of those blocks. */
export function nginxConfig(
  folder: string,
  { listen, server, http = "" }: { readonly listen: string; readonly server: string; readonly http?: string },
): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((use) => `${use}_temp_path ${folder}/${use};`).join(" ");
  return `
daemon off;
user root;  # whom the temporary folders are given to: the only user there is without root
master_process off;  # one process needs no right to become another user
pid ${folder}/nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
  ${temporary}
  log_format heard '$remote_addr "$request" $status';
  access_log /dev/stdout heard;
  default_type text/plain;
  keepalive_requests 1000000;
  ${http}
  server {
    listen ${listen} backlog=1024;
    root ${folder};
    ${server}
  }
}
`;
}

function apache(folder: string, address: string): Recipe {
  const modules = ["mpm_event", "authz_core", "rewrite", "alias", "env", "headers", "filter", "deflate", "setenvif"]
    .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n");
  // Without root Apache would refuse to be the root of a user namespace: there it is www-data in one more.
  const user = Deno.uid() === 0 ? [] : ["unshare", "--user", "--map-user=33", "--map-group=33"];
  return {
    argv: [...user, "apache2", "-DFOREGROUND", "-f"],
    ready: /resuming normal operations/,
    text: `
${modules}
User www-data
Group www-data
ServerName router
Listen ${address}:80
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
Mutex pthread
ErrorLog /dev/stderr
LogFormat "%a \\"%r\\" %>s" heard
CustomLog /dev/stdout heard
MaxKeepAliveRequests 0
DocumentRoot ${folder}
<Directory ${folder}>
  Require all granted
</Directory>
RewriteEngine On
#extra
RewriteRule ^/latest/user-data/?$ /userdata/%{REMOTE_ADDR}/user-data [L]
RewriteRule ^/latest/(?:meta-data/)?([^/]+?)/?$ /metadata/%{REMOTE_ADDR}/$1 [L]
`,
  };
}
