import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(__dirname, '..', '..');
const page = readFileSync(join(ROOT, 'docs', 'security.md'), 'utf8');

interface Threat {
  chapter: string;
  cells: string[];
}

/** The rows of the tables under the chapters, without their heads. */
function threats(text: string): Threat[] {
  return text
    .split(/^## (?=V\d)/m)
    .slice(1)
    .flatMap((part) => {
      const [chapter = '', ...lines] = (part.split(/^## /m)[0] ?? '').split('\n');
      const rows = lines.filter((line) => line.startsWith('|')).slice(2);
      return rows.map((row) => ({
        chapter,
        cells: row
          .slice(1, -1)
          .split('|')
          .map((cell) => cell.trim()),
      }));
    });
}

/** What is wrong with the last cell, which names a test as `folder/file.test.ts: the beginning of its title`. */
function faultOf({ chapter, cells: [who = '', what = '', how = '', test = ''] }: Threat): string[] {
  const about = `${chapter}: ${what}`;
  if (who === '' || how === '') return [`${about}: says not who, or not how`];
  const [, file = '', title = ''] = /^`([\w/.-]+\.test\.ts): (.+)`$/.exec(test) ?? [];
  const path = join(ROOT, 'test', file);
  if (file === '' || !existsSync(path)) return [`${about}: names no test file`];
  const source = readFileSync(path, 'utf8');
  const isThere = [`'`, '"', '`'].some((quote) => source.includes(`${quote}${title}`));
  return isThere ? [] : [`${about}: no test begins "${title}"`];
}

test('every threat names a test that there is', () => {
  const found = threats(page);
  expect(found.length).toBeGreaterThan(40);
  expect(found.flatMap(faultOf)).toEqual([]);
  expect(new Set(found.map(({ chapter }) => chapter)).size).toBe(14);
});

test('one that names none, or one that there is not, is found', () => {
  const row = (test: string) =>
    `## V1 X\n\n| who | what | how | test |\n| - | - | - | - |\n| a | b | c | ${test} |\n`;
  const faults = (test: string) => threats(row(test)).flatMap(faultOf);
  expect(faults('`rules/threats.test.ts: every threat names a test`')).toEqual([]);
  expect(faults('`rules/threats.test.ts: no such title`')).toHaveLength(1);
  expect(faults('`rules/no-such.test.ts: every threat`')).toHaveLength(1);
  expect(faults('')).toHaveLength(1);
});
