import { z } from 'zod';

const LEVELS: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
};

const logLine = z.looseObject({
  level: z.number(),
  time: z.string(),
  name: z.string(),
  msg: z.string().optional(),
});

/** What a line of every process has and a reader has no use for. */
const UNSHOWN = ['pid', 'hostname'];

/** An error's stack goes below its line. */
const shownError = z.looseObject({ type: z.string(), message: z.string(), stack: z.string() });

/**
 * A line of the log for people: time, level, name and message, then its members as JSON; the stack of an error on lines of its own, which
 * begin with spaces. Whatever is logged makes no other line: ends of lines in it are escaped.
 *
 * @param line JSON, as pino writes it, with its end
 */
export function textLine(line: string): string {
  const { level, time, name, msg = '', ...members } = logLine.parse(JSON.parse(line));
  const error = shownError.safeParse(members['err']);
  const shown = Object.entries(members).flatMap(([member, value]) => {
    if (UNSHOWN.includes(member) || (member === 'err' && error.success)) return [];
    return [
      `${oneLine(member)}=${typeof value === 'string' && /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value)}`,
    ];
  });
  const head = [
    time,
    (LEVELS[level] ?? String(level)).padEnd(5),
    `${oneLine(name)}:`,
    oneLine(msg),
    ...shown,
  ];
  return `${head.filter((part) => part !== '').join(' ')}\n${error.success ? errorLines(error.data) : ''}`;
}

function errorLines({
  type: _type,
  message: _message,
  stack,
  ...details
}: z.infer<typeof shownError>): string {
  const more = Object.keys(details).length > 0 ? [JSON.stringify(details)] : [];
  return [...stack.split(/\r?\n/), ...more].map((each) => `    ${oneLine(each.trim())}\n`).join('');
}

/** Characters that end a line, or steer a terminal, as JSON escapes them. */
function oneLine(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
