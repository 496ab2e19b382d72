import pino from 'pino';
import type { Logger } from '../platform/telemetry/log';

/** What a command prints on standard output. Logs go to standard error. */
export interface Output {
  line(text?: string): void;
  /** One aligned line: a name, and what there is to say of it. */
  item(name: string, text: string): void;
}

const NAME_WIDTH = 14;

export function createOutput(stream: NodeJS.WritableStream): Output {
  const line = (text = '') => void stream.write(`${text}\n`);
  return { line, item: (name, text) => line(`  ${name.padEnd(NAME_WIDTH)}${text}`) };
}

/** A log whose messages are told to the user as they come, for starts that take a while. */
export function createProgressLog(name: string, output: Output): Logger {
  return pino(
    { level: 'info', base: null, timestamp: false },
    { write: (entry: string) => output.item(name, withoutPrefix(name, messageOf(JSON.parse(entry)))) },
  );
}

/** The name stands before the line already. */
function withoutPrefix(name: string, text: string): string {
  return text.toLowerCase().startsWith(`${name.toLowerCase()}: `) ? text.slice(name.length + 2) : text;
}

function messageOf(entry: unknown): string {
  if (typeof entry !== 'object' || entry === null || !('msg' in entry)) return '';
  const reason =
    'err' in entry && typeof entry.err === 'object' && entry.err !== null && 'message' in entry.err
      ? `: ${String(entry.err.message)}`
      : '';
  return `${String(entry.msg)}${reason}`;
}
