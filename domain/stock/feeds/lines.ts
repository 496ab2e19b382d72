import { isUtf8 } from 'node:buffer';
import { AppError } from '../../../platform/errors';
import { MAX_LINE } from './rules';

/** Some lines of a feed. `null` stands for one that was too long to keep. */
export interface Lines {
  /** Number of the first of them, from 1. */
  first: number;
  texts: (string | null)[];
}

const NEWLINE = 0x0a;
const BOM = '\ufeff';
/** A character of UTF-8 has at most four bytes. */
const MAX_BYTES = MAX_LINE * 4;

/**
 * Splits a stream of bytes into lines, without their ends. Keeps one chunk and the start of one line, however long a line is.
 *
 * @throws AppError `FEED_ENCODING_INVALID` where it is not UTF-8
 */
export async function* readLines(source: AsyncIterable<Buffer>): AsyncGenerator<Lines> {
  let first = 1;
  let rest: Buffer = Buffer.alloc(0);
  /** Inside a line that is too long to keep. */
  let skipping = false;

  const decode = (bytes: Buffer): string => {
    if (!isUtf8(bytes)) throw notUtf8(first);
    const text = bytes.toString('utf8');
    return first === 1 && text.startsWith(BOM) ? text.slice(1) : text;
  };

  for await (const chunk of source) {
    const last = chunk.lastIndexOf(NEWLINE);
    if (last === -1) {
      if (!skipping) rest = Buffer.concat([rest, chunk]);
      if (rest.length > MAX_BYTES) {
        rest = Buffer.alloc(0);
        skipping = true;
      }
      continue;
    }
    const texts: (string | null)[] = [];
    let from = 0;
    if (skipping) {
      from = chunk.indexOf(NEWLINE) + 1;
      texts.push(null);
      skipping = false;
    }
    if (from <= last) {
      const whole = decode(Buffer.concat([rest, chunk.subarray(from, last)]));
      for (const text of whole.split('\n')) texts.push(trimmed(text));
    }
    rest = Buffer.from(chunk.subarray(last + 1));
    yield { first, texts };
    first += texts.length;
  }
  if (skipping) yield { first, texts: [null] };
  else if (rest.length > 0) yield { first, texts: [trimmed(decode(rest))] };
}

function trimmed(line: string): string | null {
  if (line.length > MAX_LINE) return null;
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

function notUtf8(line: number): AppError {
  return new AppError(
    'FEED_ENCODING_INVALID',
    `The feed is not UTF-8, from line ${line} on. Convert it, for example with \`iconv -t UTF-8\`.`,
    { line },
  );
}
