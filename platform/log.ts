import pino from 'pino';

export type Logger = pino.Logger;

/** JSON lines on standard error, so that standard output stays for what a command answers. */
export function createLogger(level: string, name = 'holdfast'): Logger {
  return pino(
    { level, name, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: false }),
  );
}
