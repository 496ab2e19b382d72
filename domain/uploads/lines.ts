import { MAX_RECORD } from './rules';

/** Some lines of an upload. `null` stands for one that was too long to keep. */
export interface Lines {
  /** Number of the first of them, from 1. */
  first: number;
  texts: (string | null)[];
}

/** Splits text into lines, without their ends. Keeps one piece and the start of one line, however long a line is. */
export async function* readLines(source: AsyncIterable<string>): AsyncGenerator<Lines> {
  let first = 1;
  let rest = '';
  /** Inside a line that is too long to keep. */
  let skipping = false;
  for await (const piece of source) {
    const [head = '', ...others] = piece.split('\n');
    if (!skipping) rest += head;
    if (others.length > 0) {
      const last = others.pop() ?? '';
      const texts = [skipping ? null : trimmed(rest), ...others.map(trimmed)];
      yield { first, texts };
      first += texts.length;
      skipping = false;
      rest = last;
    }
    if (rest.length > MAX_RECORD) {
      rest = '';
      skipping = true;
    }
  }
  if (skipping) yield { first, texts: [null] };
  else if (rest !== '') yield { first, texts: [trimmed(rest)] };
}

function trimmed(line: string): string | null {
  if (line.length > MAX_RECORD + 1) return null;
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  return text.length > MAX_RECORD ? null : text;
}
