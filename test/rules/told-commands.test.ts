import { execFileSync } from 'node:child_process';
import { WAITING_KINDS } from '../../domain/administration/attention-types';
import { wordsOf } from '../../domain/administration/attention-words';
import { request, shell } from '../../platform/told-commands';

/** Texts that a shell or a URL would take apart; a SKU may have each. */
const HOSTILE = [
  "x'; touch /tmp/told; '",
  '$(touch /tmp/told)',
  '`touch /tmp/told`',
  '"; touch /tmp/told; "',
  'a & touch /tmp/told | b > /tmp/told',
  "'",
  String.raw`\'`,
  '--url=https://elsewhere.example',
  '-rf &',
  '~root/*?[a]{b,c}!!#',
  'é 箱',
];

/** What the programs get as arguments when a shell runs the line: of each call its name and arguments. */
function callsOf(line: string): string[][] {
  const script = `holdfast() { printf '%s\\0' holdfast "$@"; printf '\\0'; }; temporal() { printf '%s\\0' temporal "$@"; printf '\\0'; }; ${line}`;
  const told = execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8', env: {} });
  return told
    .split('\0\0')
    .filter((call) => call !== '')
    .map((call) => call.split('\0'));
}

const isCommand = (action: string) => /^(holdfast|temporal) /.test(action);

it.each(HOSTILE)('a value is one operand of a command, whatever its text: %s', (text) => {
  const args = text.startsWith('-') ? ['--', text] : [text];
  expect(callsOf(shell`holdfast why sku ${text}`)).toEqual([['holdfast', 'why', 'sku', ...args]]);
});

it.each(HOSTILE)('a value is one segment of a request, whatever its text: %s', (text) => {
  const told = request`POST /api/v1/inventory/${text}/adjust`;
  expect(told).toMatch(/^POST \/api\/v1\/inventory\/[\w.~%-]+\/adjust$/);
  expect(decodeURIComponent(told.split('/')[4] ?? '')).toBe(text);
});

it('leaves plain words as they are', () => {
  expect(shell`temporal workflow show --workflow-id ${'order:7a6f'} ${'A-1'}`).toBe(
    'temporal workflow show --workflow-id order:7a6f A-1',
  );
});

describe.each(WAITING_KINDS)('what is to be done about %s', (kind) => {
  it.each(HOSTILE)('is one command or request, whatever it is about: %s', (text) => {
    const names = ['about', 'jobId', 'work', 'id', 'sku', 'location', 'cause', 'reason', 'type', 'orderId'];
    const details = { ...Object.fromEntries(names.map((name) => [name, text])), transferIds: [text] };
    const words = (subjectId: string) => wordsOf(kind, { subjectId, alertId: text, details }).actions;
    for (const action of [...words(text), ...words(`${text} at AMS`)]) {
      if (isCommand(action)) {
        const calls = callsOf(action);
        expect(calls).toHaveLength(1);
        const free = calls[0]?.filter((word) => word.includes(text)) ?? [];
        const expected = [text, `${text} at AMS`, `order:${text}`, `order:${text} at AMS`];
        for (const word of free) expect(expected).toContain(word);
        if (free.length === 0) expect(action).toMatch(/^holdfast (verify|doctor)/);
      } else {
        expect(action).toMatch(/^(?:GET|POST) \/api\/v1\/[\w./~%-]+(?: \{.*\})?$/);
        if (kind === 'work_failed')
          expect(JSON.parse(action.slice(action.indexOf('{')))).toEqual({ work: text, subject: text });
      }
    }
  });
});

it('names the product of a place, whose SKU may itself have " at " in it', () => {
  const told = wordsOf('ledger_drift', { subjectId: 'cap at sea at AMS', alertId: null, details: {} });
  expect(told.actions).toContain("holdfast why sku 'cap at sea'");
});
