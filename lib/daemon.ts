/**
 * Builds the parts, introduces them to each other, starts them, says ready, and stops them in reverse.
 *
 * The one file that knows every room; it decides nothing else.
 *
 * @module
 */

import { ensureAddress } from "./address/ensure_address.ts";
import { keepAddress } from "./address/keep_address.ts";
import { createAdminHandler } from "./admin/admin.ts";
import type { Config } from "./config/config.ts";
import { formatAddress } from "./config/value.ts";
import { CONFIG_DRIVE } from "./config_drive/address.ts";
import { createConfigDrive, withConfigDrive } from "./config_drive/config_drive.ts";
import { serveControl } from "./control/control_server.ts";
import type { ControlServer } from "./control/control_server.ts";
import { summarizeStatus } from "./control/format_status.ts";
import { createReadiness } from "./control/readiness.ts";
import type { Readiness } from "./control/readiness.ts";
import { describeStatus } from "./control/status.ts";
import { createResolver } from "./discover/resolver.ts";
import type { Resolver } from "./discover/router.ts";
import { createClient } from "./http1/client.ts";
import { servePages } from "./proxy/server/serve_pages.ts";
import { serveProxy } from "./proxy/serve_proxy.ts";
import { BUILD } from "./system/build_info.ts";
import { openHost } from "./system/host.ts";
import { createMemoryRelease } from "./system/memory.ts";
import { openNotifier, startWatchdog } from "./system/notify.ts";
import { monitorIp, runIp } from "./system/run_ip.ts";
import { openRuntimeFolder, RUNTIME_FILES } from "./system/runtime_folder.ts";
import { openStateFile } from "./system/state_file.ts";
import { ignoreStraySignals, onReload, takeStopSignals } from "./system/signals.ts";
import { SYSTEM_CLOCK } from "./time/clock.ts";
import type { Registry } from "./telemetry/metrics.ts";
import { createRegistry } from "./telemetry/metrics.ts";
import { openLog } from "./system/open_log.ts";

const ownAddresses = () => Deno.networkInterfaces().map(({ address }) => address);

/** How long requests in flight may take to finish when the program is told to stop. */
const STOP_GRACE_MS = 5_000;

/**
 * Serves metadata until SIGTERM or SIGINT.
 *
 * @returns the exit code
 * @throws {Error} If the listen address cannot be made to exist, or cannot be bound.
 */
export async function runDaemon(config: Config): Promise<number> {
  const startedAt = Date.now();
  await using parts = new AsyncDisposableStack();

  ignoreStraySignals();
  const stop = takeStopSignals();
  const { log, recent, reopen, close: closeLog } = openLog(config.log);
  parts.defer(closeLog);
  for (const warning of config.warnings) log.warn("doubtful configuration", { warning });

  const runtimeFolder = await openRuntimeFolder(log);
  const notifier = openNotifier(Deno.env.get("NOTIFY_SOCKET"), { log });
  parts.defer(() => notifier.close());

  const metrics = createRegistry();
  const drive = createConfigDrive({
    folder: config.drive.folder,
    savedPath: runtimeFolder && RUNTIME_FILES.savedPassword,
    log,
  });
  await drive.load();
  const client = withConfigDrive(createClient(config.proxy), drive);
  parts.defer(() => client.close());

  const host = openHost({ clock: SYSTEM_CLOCK, metrics, drive });
  const resolver = createResolver(config.discovery, {
    log,
    metrics,
    client,
    host,
    memory: runtimeFolder === undefined ? undefined : openStateFile(RUNTIME_FILES.state, log),
  });
  parts.defer(() => resolver.close());
  // Before the address and the port, because the search is the slow part of a boot.
  resolver.start();

  const { hostname } = config.proxy.listen;
  const releaseMemory = createMemoryRelease();
  const start = async () => {
    if (await ensureAddress(hostname, { ...host, signal: stop.signal }) === "added") {
      log.info("added the listen address", { address: hostname, interface: "lo" });
    }
    return await serveProxy(config.proxy, {
      upstream: resolver,
      client,
      log,
      metrics,
      drivePasswordOf: ({ address }) => address === CONFIG_DRIVE ? drive.password : undefined,
      ownAddresses,
      innerSocket: runtimeFolder && RUNTIME_FILES.innerSocket,
      onRest() {
        if (releaseMemory()) log.debug("gave memory back");
      },
      signal: stop.signal,
    });
  };
  const proxy = await start().catch((error) => {
    if (!stop.signal.aborted) throw error;
  });
  if (proxy === undefined) {
    log.info("stopping", { signal: await stop.told });
    return 0;
  }
  parts.defer(() => proxy.shutdown(STOP_GRACE_MS));
  const readiness = createReadiness({
    resolver,
    async isServed() {
      // At the same times, because it may have been taken away as well.
      void control?.renew();
      return keeper.isPresent() && await proxy.isAccepting();
    },
    log,
    clock: SYSTEM_CLOCK,
  });
  parts.defer(startWatchdog(notifier, Deno.env.get("WATCHDOG_USEC"), { isAlive: readiness.look, log }));
  declareMetrics(metrics, { resolver, readiness, startedAt });
  const keeper = keepAddress(hostname, {
    interfaces: host.interfaces,
    runIp,
    monitorIp,
    onChange: readiness.look,
    clock: SYSTEM_CLOCK,
    log,
  });
  parts.defer(() => keeper.close());
  const listen = formatAddress(proxy.address);

  /** Once they are served: their port may be taken. */
  let admin: string | null = null;
  const describe = () =>
    describeStatus({
      build: BUILD,
      pid: Deno.pid,
      startedAt,
      belief: readiness.belief(),
      recent: recent(),
      metrics: metrics.render(),
      listeners: { metadata: listen, admin, control: control?.isListening ? RUNTIME_FILES.controlSocket : null },
    });
  const summary = () => summarizeStatus(readiness.belief());

  const control: ControlServer | undefined = runtimeFolder === undefined
    ? undefined
    : serveControl(RUNTIME_FILES.controlSocket, { describe, look: readiness.look, log });
  parts.defer(() => control?.close());
  readiness.onChange(() => control?.changed());

  if (config.admin.listen !== undefined) {
    const look = async <T>(say: () => T): Promise<T> => {
      await readiness.look();
      return say();
    };
    const answer = createAdminHandler({
      metrics: () => look(metrics.render),
      status: () => look(describe),
      whyNotReady: () => look(() => readiness.belief().state === "ready" ? undefined : summary()),
    });
    const pages = servePages(config.admin.listen, { answer, ownAddresses, log, clock: SYSTEM_CLOCK });
    parts.defer(() => pages.shutdown());
    pages.listening.then((gate) => admin = gate === undefined ? null : formatAddress(gate.address));
  }

  // Before anybody is told that the program is ready, and might at once tell it to reload.
  onReload(() => {
    reopen();
    const look = () => {
      proxy.expire();
      resolver.refresh();
    };
    drive.load().then(look).catch((error) => log.error("cannot reload", { error }));
    log.info("reloaded", { router: resolver.status().router?.address });
  }, stop.signal);
  log.info("listening", { listen, version: BUILD.version, pid: Deno.pid });
  // What an operator reads behind "Status:" in `systemctl status`.
  notifier.notify("READY=1", `STATUS=${summary()}`);
  readiness.onChange(() => notifier.notify(`STATUS=${summary()}`));

  const end = await Promise.race([stop.told, keeper.lost]);
  if (end instanceof Error) log.error("stopping without the listen address", { error: end });
  else log.info("stopping", { signal: end });
  // Whatever comes of the router now, the service manager is told of the stop last.
  readiness.close();
  notifier.notify("STOPPING=1", "STATUS=stopping: finishing the requests in flight");
  // The unit adds the address before it starts the program again.
  return end instanceof Error ? 1 : 0;
}

function declareMetrics(
  metrics: Registry,
  { resolver, readiness, startedAt }: { resolver: Resolver; readiness: Readiness; startedAt: number },
): void {
  const { version, commit, deno } = BUILD;
  metrics.gauge(
    "mdproxy4cs_build_info",
    "The build that runs.",
    () => [{ labels: { version, commit, deno }, value: 1 }],
  );
  metrics.gauge("mdproxy4cs_router_info", "The router in force.", () => {
    const { state, router } = resolver.status();
    return router === undefined
      ? []
      : [{ labels: { address: router.address, source: router.source }, value: state === "ready" ? 1 : 0 }];
  });
  metrics.gauge(
    "mdproxy4cs_ready",
    "Whether metadata can be had: a router is validated, and clients are served.",
    () => [
      { value: readiness.belief().state === "ready" ? 1 : 0 },
    ],
  );
  metrics.gauge("process_start_time_seconds", "When the process started, since 1970.", () => [
    { value: startedAt / 1_000 },
  ]);
  metrics.gauge("process_resident_memory_bytes", "Resident memory.", () => [{ value: Deno.memoryUsage().rss }]);
}
