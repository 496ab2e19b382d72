import { Writable } from 'node:stream';
import pino from 'pino';
import { createLogger, type Logger } from '../../platform/telemetry/log';

/** A logger whose messages a test can read. */
export function recordingLogger(): { log: Logger; messages: string[] } {
  const messages: string[] = [];
  const sink = new Writable({
    write(line: Buffer, _encoding, done) {
      const { msg } = JSON.parse(line.toString('utf8')) as { msg?: string };
      messages.push(msg ?? '');
      done();
    },
  });
  return { log: pino({ level: 'debug' }, sink), messages };
}

/** The product's logger at its most talkative, and its lines as they are written. */
export function recordingLines(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return {
    log: createLogger('trace', 'test', { destination: { write: (line) => lines.push(line) } }),
    lines,
  };
}
