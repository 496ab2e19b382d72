import { isUtf8 } from 'node:buffer';
import { AppError } from '../../platform/errors';
import type { UploadCharset } from './types';

const NEWLINE = 0x0a;

/**
 * The text of an upload, some at a time, without its byte order mark, and without the Ctrl-Z with which DOS ends a file. A mark at its
 * begin says what it is, whatever was declared; without either it is UTF-8.
 *
 * @throws AppError `FEED_ENCODING_INVALID` where the bytes are not what they should be, with the line
 */
export async function* readText(
  source: AsyncIterable<Buffer>,
  charset?: UploadCharset,
): AsyncGenerator<string> {
  let end = '';
  for await (const piece of decoded(source, charset)) {
    const text = end + piece;
    const at = dosEndOf(text);
    end = text.slice(at);
    yield end === '' ? text : text.slice(0, at);
  }
}

/** Characters: DOS fills the last block of a file with Ctrl-Z. */
const DOS_BLOCK = 128;

/** Where the Ctrl-Z begins that a text may end with, as many as a block has, perhaps with line ends among them. */
function dosEndOf(text: string): number {
  let at = text.length;
  for (let back = text.length - 1; back >= Math.max(0, text.length - DOS_BLOCK); back--) {
    const character = text[back];
    if (character === '\u001a') at = back;
    else if (character !== '\r' && character !== '\n') break;
  }
  return at;
}

async function* decoded(source: AsyncIterable<Buffer>, charset?: UploadCharset): AsyncGenerator<string> {
  let decode: ((bytes: Buffer, isLast: boolean) => string) | undefined;
  let begin: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    if (decode) {
      yield decode(chunk, false);
      continue;
    }
    begin = Buffer.concat([begin, chunk]);
    if (begin.length < 4) continue;
    decode = decoderOf(begin, charset);
    yield decode(begin, false);
  }
  decode ??= decoderOf(begin, charset);
  yield decode(begin.length < 4 ? begin : Buffer.alloc(0), true);
}

function decoderOf(
  begin: Buffer,
  charset: UploadCharset | undefined,
): (bytes: Buffer, isLast: boolean) => string {
  if (begin[0] === 0x1f && begin[1] === 0x8b)
    throw invalid('This is gzip, and was not declared as such: send Content-Encoding: gzip.');
  if (isContainer(begin))
    throw invalid('This is a workbook or an archive, not text: save it as CSV, and send that.');
  const marked = markedAs(begin) ?? charset ?? 'utf-8';
  // Two bytes for each character: one of them is 0.
  if (marked === 'utf-8' && begin.subarray(0, 4).includes(0))
    throw invalid('The upload looks like UTF-16 without a byte order mark: declare utf-16le or utf-16be.');
  if (marked === 'utf-8') return utf8();
  if (marked === 'utf-16')
    throw invalid(
      'The upload is declared as UTF-16 and has no byte order mark: declare utf-16le or utf-16be.',
    );
  return other(marked);
}

/** Whether a file begins as ZIP does, which .xlsx and .ods are, or as .xls. */
function isContainer(begin: Buffer): boolean {
  const start = begin.subarray(0, 4).toString('hex');
  return start === '504b0304' || start === 'd0cf11e0';
}

function markedAs(begin: Buffer): UploadCharset | undefined {
  if (begin[0] === 0xff && begin[1] === 0xfe) return 'utf-16le';
  if (begin[0] === 0xfe && begin[1] === 0xff) return 'utf-16be';
  if (begin[0] === 0xef && begin[1] === 0xbb && begin[2] === 0xbf) return 'utf-8';
  return undefined;
}

/** Much faster than `TextDecoder`, and most uploads are UTF-8. */
function utf8(): (bytes: Buffer, isLast: boolean) => string {
  let rest: Buffer = Buffer.alloc(0);
  let line = 1;
  let isFirst = true;
  return (bytes, isLast) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const end = isLast ? all.length : wholeCharacters(all);
    const whole = all.subarray(0, end);
    if (!isUtf8(whole)) throw notUtf8(line + linesBefore(whole));
    rest = Buffer.from(all.subarray(end));
    line += countNewlines(whole);
    const text = whole.toString('utf8');
    if (!isFirst) return text;
    isFirst = text === '';
    return text.startsWith('\ufeff') ? text.slice(1) : text;
  };
}

/** Where the last character that is not whole begins: at most three bytes before the end. */
function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
}

/** How many line ends stand before the first line that is not UTF-8. */
function linesBefore(bytes: Buffer): number {
  let lines = 0;
  for (let from = 0; ; lines++) {
    const end = bytes.indexOf(NEWLINE, from);
    if (end === -1 || !isUtf8(bytes.subarray(from, end))) return lines;
    from = end + 1;
  }
}

function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

function other(charset: UploadCharset): (bytes: Buffer, isLast: boolean) => string {
  const decoder = new TextDecoder(charset, { fatal: true });
  let line = 1;
  return (bytes, isLast) => {
    try {
      const text = decoder.decode(bytes, { stream: !isLast });
      line += text.split('\n').length - 1;
      return text;
    } catch {
      throw invalid(`The upload is not ${charset.toUpperCase()}, somewhere after line ${line}.`, line);
    }
  };
}

function notUtf8(line: number): AppError {
  return invalid(
    `The upload is not UTF-8, from line ${line} on. If it comes from Windows, declare it ` +
      '(Content-Type: text/csv; charset=windows-1252, or --charset windows-1252); else convert it to UTF-8.',
    line,
  );
}

function invalid(message: string, line = 1): AppError {
  return new AppError('FEED_ENCODING_INVALID', message, { line });
}
