import { readFileSync } from 'node:fs';
import { Client, Connection, type ConnectionLike, type ConnectionOptions } from '@temporalio/client';
import {
  NativeConnection,
  Runtime,
  type MetricsBuffer,
  type GrpcCompressionConfig,
  type Logger as TemporalLogger,
  type LogLevel,
  type LogMetadata,
} from '@temporalio/worker';
import type { Settings } from '../config';
import { AppError, configError, messageOf } from '../errors';
import { isLoopback } from '../loopback';
import type { Logger } from '../telemetry/log';
import type { Tracer } from '../telemetry/tracer';
import { boundedCall, DEADLINES_MS } from './bounded-call';
import { isNotFound } from './call-failure';
import { dataConverterOf } from './payload-codec';
import { clientInterceptors } from './trace-interceptors';

/** The connection of a process that runs a worker. Client and worker share it: without that no start is eager. */
export interface TemporalLink {
  client: Client;
  connection: NativeConnection;
  namespace: string;
  /** Every worker on it must have ended. */
  close(): Promise<void>;
}

/** The connection of a process without a worker. */
export interface LazyTemporalLink {
  client: Client;
  connection: Connection;
  namespace: string;
  close(): Promise<void>;
}

export interface TemporalTarget {
  /** host:port, over TEMPORAL_ADDRESS. */
  address?: string;
  /** Over TEMPORAL_NAMESPACE. */
  namespace?: string;
}

interface TracedBy {
  /** Traces what the client asks for; nobody unless given. */
  tracer?: Tracer;
}

type Access = Pick<ConnectionOptions, 'address' | 'tls'> & { apiKey?: string };

/**
 * Makes Temporal's native half log through `log` and leave signals to us: a worker that stops by itself on SIGINT would
 * stop before HTTP has. Once per process, before the first connection.
 *
 * @param metrics where its own metrics go; nowhere unless given
 */
export function installTemporalRuntime(log: Logger, metrics?: MetricsBuffer): void {
  Runtime.install({
    logger: temporalLogger(log.child({ part: 'temporal' })),
    shutdownSignals: [],
    telemetryOptions: {
      logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
      ...(metrics ? { metrics: { buffer: metrics } } : {}),
    },
  });
}

/**
 * Connects to Temporal and proves that it answers. Calls on the client have no deadline of their own: make them through
 * `createEngineClient` or `boundedCall`.
 *
 * @throws AppError `ENGINE_UNAVAILABLE` when nothing answers, `NAMESPACE_MISSING`, and `CONFIG_INVALID` for a TLS file that can't be read.
 */
export async function connectTemporal(
  settings: Settings,
  target: TemporalTarget & TracedBy & { log: Logger },
): Promise<TemporalLink> {
  const options = access(settings, target);
  const grpcCompression = compressionTo(options.address);
  const connection = await NativeConnection.connect({ ...options, grpcCompression }).catch(
    (error: unknown) => {
      throw unavailable(options.address, error);
    },
  );
  const namespace = target.namespace ?? settings.TEMPORAL_NAMESPACE;
  try {
    await assertNamespace(connection, namespace);
  } catch (error) {
    await connection.close();
    throw error;
  }
  target.log.info({ address: options.address, namespace }, 'connected to Temporal');
  return {
    client: clientOn(connection, namespace, settings, target),
    connection,
    namespace,
    close: () => connection.close(),
  };
}

/**
 * A client that connects with its first call and again whenever the server comes back, so that an API starts while
 * Temporal is away. Until then calls fail at the deadline their caller gave them.
 *
 * @throws AppError `CONFIG_INVALID` for a TLS file that can't be read.
 */
export function lazyTemporalClient(settings: Settings, target: TemporalTarget & TracedBy): LazyTemporalLink {
  const connection = Connection.lazy({
    ...access(settings, target),
    // gRPC's own backoff grows to two minutes: that long the API would go on answering 503 after Temporal is back.
    channelArgs: { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 1_000 },
  });
  const namespace = target.namespace ?? settings.TEMPORAL_NAMESPACE;
  return {
    client: clientOn(connection, namespace, settings, target),
    connection,
    namespace,
    close: () => connection.close(),
  };
}

/**
 * Compression costs both sides CPU for each call and saves bytes on the way. To a server on the same machine there is no way.
 *
 * @param address host:port; absent: the SDK's own default, which is this machine
 */
export function compressionTo(address: string | undefined): GrpcCompressionConfig {
  const host = address?.slice(0, address.lastIndexOf(':'));
  return { codec: host === undefined || isLoopback(host) ? 'none' : 'gzip' };
}

/** Where these credentials may not ask, the first call that needs the namespace fails instead. */
async function assertNamespace(connection: NativeConnection, namespace: string): Promise<void> {
  try {
    await boundedCall(connection, DEADLINES_MS.call, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (cause) {
    if (!isNotFound(cause)) return;
    throw new AppError(
      'NAMESPACE_MISSING',
      `Temporal has no namespace ${namespace}: set TEMPORAL_NAMESPACE, or make it with ` +
        `\`temporal operator namespace create --namespace ${namespace}\`.`,
      { namespace },
      { cause },
    );
  }
}

function unavailable(address: string | undefined, cause: unknown): AppError {
  const reason = messageOf(cause);
  return new AppError(
    'ENGINE_UNAVAILABLE',
    `Temporal does not answer at ${address ?? 'its default address'}: ${reason}`,
    {},
    { cause },
  );
}

/** Address and credentials in the form both kinds of connection take. An API key alone means TLS, as with `temporal`. */
function access(settings: Settings, target: TemporalTarget): Access {
  const { TEMPORAL_API_KEY: apiKey, TEMPORAL_TLS_SERVER_NAME: serverName } = settings;
  const serverCa = readSetting(settings, 'TEMPORAL_TLS_SERVER_CA_CERT_PATH');
  const certificate = readSetting(settings, 'TEMPORAL_TLS_CLIENT_CERT_PATH');
  const key = readSetting(settings, 'TEMPORAL_TLS_CLIENT_KEY_PATH');
  const encrypted = settings.TEMPORAL_TLS || Boolean(apiKey ?? serverName ?? serverCa ?? certificate);
  return {
    address: target.address ?? settings.TEMPORAL_ADDRESS,
    apiKey,
    tls: encrypted && {
      serverNameOverride: serverName,
      serverRootCACertificate: serverCa,
      clientCertPair: certificate && key ? { crt: certificate, key } : undefined,
    },
  };
}

function readSetting(
  settings: Settings,
  name: 'TEMPORAL_TLS_SERVER_CA_CERT_PATH' | 'TEMPORAL_TLS_CLIENT_CERT_PATH' | 'TEMPORAL_TLS_CLIENT_KEY_PATH',
): Buffer | undefined {
  const path = settings[name];
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw configError([`${name}: can't be read: ${messageOf(error)}`]);
  }
}

const PINO_LEVELS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const satisfies Record<LogLevel, string>;

function temporalLogger(log: Logger): TemporalLogger {
  const write = (level: LogLevel, message: string, { error, ...meta }: LogMetadata = {}): void => {
    // As it is meant: the queue of payments has activities only.
    const shown = message.startsWith('No workflows registered') ? 'DEBUG' : level;
    log[PINO_LEVELS[shown]](error === undefined ? meta : { ...meta, err: error as unknown }, message);
  };
  return {
    log: write,
    trace: (message, meta) => write('TRACE', message, meta),
    debug: (message, meta) => write('DEBUG', message, meta),
    info: (message, meta) => write('INFO', message, meta),
    warn: (message, meta) => write('WARN', message, meta),
    error: (message, meta) => write('ERROR', message, meta),
  };
}

/** Every client of the product encrypts what it sends, and hands its trace on. */
function clientOn(
  connection: ConnectionLike,
  namespace: string,
  settings: Settings,
  { tracer }: TracedBy,
): Client {
  return new Client({
    connection,
    namespace,
    dataConverter: dataConverterOf(settings),
    interceptors: clientInterceptors(tracer),
  });
}
