import pino from 'pino';

export type Logger = pino.Logger;

/** JSON lines on standard error, so that standard output stays for what a command prints. */
export function createLogger(level: string, name = 'holdfast'): Logger {
  return pino(
    { level, name, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: withoutClient } },
    pino.destination({ dest: 2, sync: false }),
  );
}

/** A connection's error carries the whole connection as `client`: pages of it, settings included. */
function withoutClient(error: unknown): unknown {
  const plain: unknown = error instanceof Error ? pino.stdSerializers.err(error) : error;
  if (typeof plain !== 'object' || plain === null || !('client' in plain)) return plain;
  return { ...plain, client: undefined };
}
