import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { WORK_KINDS } from '../../domain/stock/alerts/types';

test('the documentation for operators has a row for every kind of work that can fail', () => {
  const text = readFileSync(join(__dirname, '../../docs/operations.md'), 'utf8');
  const section = text.split('\n## ').find((part) => part.startsWith('Work failed\n')) ?? '';
  const kinds = [...section.matchAll(/^\| (`[^|]*`) +\|/gm)].flatMap(([, cell]) =>
    [...(cell ?? '').matchAll(/`(\w+)`/g)].map(([, kind]) => kind),
  );
  expect(kinds.sort()).toEqual([...WORK_KINDS].sort());
});
