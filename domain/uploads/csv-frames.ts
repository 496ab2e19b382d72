import { MAX_RECORD } from './rules';

/** What is wrong with a record as such, whatever is in its fields. */
export type FrameFault = 'LINE_TOO_LONG' | 'QUOTE_BROKEN' | 'QUOTE_UNCLOSED';

/** Records that stand one after the other, each with its line end. */
export interface Frame {
  text: string;
  /** Where in the text each of them begins. */
  starts: number[];
  /** And at which line of the file. */
  lines: number[];
  /** In each of them quotes stand in fields that do not begin with one. */
  hasStrayQuotes: boolean;
}

/** A record that is not kept. */
export interface FaultyRecord {
  line: number;
  fault: FrameFault;
}

/** Takes the text of a CSV file piece by piece. */
export interface CsvFramer {
  add(text: string): (Frame | FaultyRecord)[];
  /** What is left once there is no more. */
  end(): (Frame | FaultyRecord)[];
}

const QUOTE = 0x22;
const NEWLINE = 0x0a;

// Where in a field a character stands.
const FIELD_BEGIN = 0;
const PLAIN = 1;
const QUOTED = 2;
/** After a quote in a quoted field: it closes the field, or is the first of two. */
const AFTER_QUOTE = 3;
/** In the blanks after such a quote. */
const AFTER_BLANK = 4;

/**
 * Cuts CSV into whole records (RFC 4180; lines end with `\n`), so that one that is damaged or too long is known with its line
 * and costs no other. Memory is that of a piece and a record.
 *
 * A quoted field ends with a quote that a delimiter or line end follows. Where something else follows, the record is broken,
 * and its end is looked for in the same way: text that its writer meant to stand in quotes is never taken for records. A
 * quote that is not closed within 65,536 characters ends the whole file at the line of its record.
 */
export function createCsvFramer(delimiter: string, firstLine: number): CsvFramer {
  const delimiterCode = delimiter.charCodeAt(0);
  let text = '';
  /** Where the record begins; before the text where its begin is not kept. */
  let from = 0;
  let at = 0;
  let state: number = FIELD_BEGIN;
  let quotedFrom = 0;
  let isBroken = false;
  let isStray = false;
  let line = firstLine;
  /** Line ends inside of the record. */
  let inside = 0;
  let isOver = false;
  let found: (Frame | FaultyRecord)[] = [];
  /** Where the records begin that are well-formed and were not given out yet, and their lines. */
  let runFrom = 0;
  let runIsStray = false;
  let starts: number[] = [];
  let lines: number[] = [];

  function giveRun(upTo: number): void {
    if (lines.length === 0) return;
    found.push({ text: text.slice(runFrom, upTo), starts, lines, hasStrayQuotes: runIsStray });
    starts = [];
    lines = [];
  }

  /** The record ends before `next`. */
  function endRecord(next: number): void {
    const isTooLong = next - from > MAX_RECORD + 1;
    if (isTooLong || isBroken) {
      giveRun(from);
      found.push({ line, fault: isTooLong ? 'LINE_TOO_LONG' : 'QUOTE_BROKEN' });
    } else {
      if (isStray !== runIsStray) giveRun(from);
      if (lines.length === 0) runFrom = from;
      runIsStray = isStray;
      starts.push(from - runFrom);
      lines.push(line);
    }
    line += inside + 1;
    from = next;
    inside = 0;
    isBroken = false;
    isStray = false;
    state = FIELD_BEGIN;
  }

  function endFile(): void {
    giveRun(from);
    found.push({ line, fault: 'QUOTE_UNCLOSED' });
    isOver = true;
    text = '';
  }

  function isQuoteOpen(): boolean {
    return state === QUOTED || state === AFTER_QUOTE || state === AFTER_BLANK;
  }

  /** The text has no quotes, and a record begins where it does: each line is a record. */
  function scanLines(): void {
    const end = text.lastIndexOf('\n') + 1;
    for (at = 0; at < end; at = from) endRecord(text.indexOf('\n', at) + 1);
    state = FIELD_BEGIN;
    scan();
  }

  function scan(): void {
    for (; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (state === QUOTED) {
        if (code === QUOTE) state = AFTER_QUOTE;
        else if (code === NEWLINE) inside += 1;
        continue;
      }
      if (isQuoteOpen() && at - quotedFrom > MAX_RECORD) return;
      if (code === NEWLINE) {
        endRecord(at + 1);
      } else if (code === delimiterCode) {
        state = FIELD_BEGIN;
      } else if (code === QUOTE) {
        if (state === FIELD_BEGIN) {
          state = QUOTED;
          quotedFrom = at;
        } else if (state === AFTER_QUOTE) {
          state = QUOTED;
        } else if (state === AFTER_BLANK) {
          isBroken = true;
          state = AFTER_QUOTE;
        } else {
          isStray = true;
        }
      } else if (isBlank(code)) {
        if (state === AFTER_QUOTE) state = AFTER_BLANK;
      } else if (state === FIELD_BEGIN) {
        state = PLAIN;
      } else if (state !== PLAIN) {
        isBroken = true;
        state = QUOTED;
      }
    }
  }

  function give(): (Frame | FaultyRecord)[] {
    const given = found;
    found = [];
    return given;
  }

  return {
    add(more) {
      if (isOver) return [];
      text += more;
      if (from === 0 && !isQuoteOpen() && !text.includes('"')) scanLines();
      else scan();
      if (isQuoteOpen() && at - quotedFrom > MAX_RECORD) {
        endFile();
        return give();
      }
      giveRun(from);
      // What is too long to be a record is not kept, only where it began.
      const keptFrom = text.length - from > MAX_RECORD + 1 ? text.length : from;
      text = text.slice(keptFrom);
      at = text.length;
      from -= keptFrom;
      quotedFrom -= keptFrom;
      return give();
    },
    end() {
      if (isOver) return [];
      if (state === QUOTED) endFile();
      else if (text.length > from) {
        endRecord(text.length);
        giveRun(text.length);
      }
      return give();
    },
  };
}

/** White space, as `String.prototype.trim` and csv-parse know it. */
function isBlank(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || code === 0x09 || code === 0x0b || code === 0x0c;
  if (code < 0xa0) return false;
  return (
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000 ||
    code === 0xfeff
  );
}
