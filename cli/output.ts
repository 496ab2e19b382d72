import pino from 'pino';
import type { Logger } from '../platform/telemetry/log';

/** What a command prints on standard output. Logs go to standard error. */
export interface Output {
  line(text?: string): void;
  /** One aligned line: a name, and what there is to say of it. */
  item(name: string, text: string): void;
  /** What the command has found or done, for programs: with --json it is printed, as one line, and nothing else is. */
  json(value: unknown): void;
}

const NAME_WIDTH = 14;

/** @param isJson whether --json was given, asked with each line: commands are known only once they run */
export function createOutput(stream: NodeJS.WritableStream, isJson = () => false): Output {
  const print = (text: string) => void stream.write(`${text}\n`);
  const line = (text = '') => {
    if (!isJson()) print(text);
  };
  return {
    line,
    item: (name, text) => line(`  ${name.padEnd(NAME_WIDTH)}${text}`),
    json: (value) => {
      if (isJson()) print(JSON.stringify(value));
    },
  };
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
