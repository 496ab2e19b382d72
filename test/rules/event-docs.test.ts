import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOGUE } from '../../domain/events/catalogue';

/** Every type with what it means and the members of its data, as docs/events.md lists it. */
function listed(): string[] {
  return Object.entries(CATALOGUE).map(
    ([type, { summary, data }]) =>
      `- \`${type}\`: ${summary}. ${Object.keys(data.shape)
        .map((name) => `\`${name}\``)
        .join(', ')}`,
  );
}

test('docs/events.md lists every type of event with its members, and no other', () => {
  const page = readFileSync(join(__dirname, '../../docs/events.md'), 'utf8');
  expect(page.split('\n').filter((line) => /^- `\w+\.\w+`: /.test(line))).toEqual(listed());
});

test('no type is there twice, and each has an area and a verb', () => {
  const types = Object.keys(CATALOGUE);
  expect(new Set(Object.values(CATALOGUE).map(({ source, raw }) => `${source} ${raw}`)).size).toBe(
    types.length,
  );
  expect(types.filter((type) => !/^[a-z]+\.[a-z_]+$/.test(type))).toEqual([]);
});
