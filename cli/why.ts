import { validate } from 'uuid';
import { listWaiting } from '../domain/administration/attention';
import type { Waiting, WaitingKind } from '../domain/administration/attention-types';
import type { Explanation, PastEvent, WhySubject } from '../domain/administration/why/types';
import { explain } from '../domain/administration/why/why';
import type { Settings } from '../platform/config';
import { AppError } from '../platform/errors';
import { engineNames } from '../workflows/contract/names';
import { describeEvent } from './demo-event-texts';
import type { Output } from './output';
import { withDatabase } from './verify';
import { describeWorkflow, type WorkflowWords } from './why-workflow';

/**
 * `holdfast why`: how something stands and why, from its rows, its history or ledger, and its workflow, with the commands to use next.
 *
 * @returns 1 where something of it waits for a person, or its workflow should run and does not go on; else 0
 * @throws AppError `NOT_FOUND` where there is no such thing, `VALIDATION_FAILED` where the id is none
 */
export async function runWhy(
  settings: Settings,
  { type, id }: { type: WhySubject; id: string },
  output: Output,
  names = engineNames(),
): Promise<number> {
  if (type !== 'sku' && !validate(id))
    throw new AppError(
      'VALIDATION_FAILED',
      `The id of ${type === 'order' ? 'an order' : `a ${type}`} is a UUID: ${id}`,
    );
  return withDatabase(settings, async (db) => {
    const found = await explain(db, type, type === 'sku' ? id : id.toLowerCase());
    if (!found) throw new AppError('NOT_FOUND', `There is no ${type} ${id}.`);
    const workflow = found.workflow && (await describeWorkflow(settings, names, found.workflow));
    output.json({ ...found, workflow });
    print(found, workflow, output);
    return found.waiting.length > 0 || workflow?.isWrong ? 1 : 0;
  });
}

/** `holdfast attention`: everything that waits for a person. */
export function listAttention(
  settings: Settings,
  filter: { kind: WaitingKind | undefined; limit: number },
  output: Output,
): Promise<number> {
  return withDatabase(settings, async (db) => {
    const { items, next } = await listWaiting(db, filter);
    output.json({ items, more: next !== null });
    if (items.length === 0) output.line('Nothing waits for a person.');
    for (const one of items) printWaiting(one, output);
    if (next) output.line(`\nThere is more: --limit ${filter.limit * 2}, or GET /api/v1/admin/attention.`);
    return items.length === 0 ? 0 : 1;
  });
}

function print(found: Explanation, workflow: WorkflowWords | null, output: Output): void {
  output.line(found.state);
  if (found.because.length > 0) output.line();
  for (const line of found.because) output.line(`  ${line}`);
  if (workflow) {
    output.line(`\nWorkflow ${workflow.id}\n`);
    for (const line of workflow.words) output.line(`  ${line}`);
  }
  if (found.history.length > 0) output.line('\nWhat happened last\n');
  for (const event of found.history) output.line(`  ${eventInWords(event, found.currency)}`);
  if (found.waiting.length > 0) output.line('\nWaits for a person');
  for (const one of found.waiting) printWaiting(one, output);
  if (found.next.length > 0) output.line('\nNext\n');
  for (const line of found.next) output.line(`  ${line}`);
}

function printWaiting(
  { kind, subject, since, deadline, why, next, actions, acknowledgedBy }: Waiting,
  output: Output,
): void {
  const until = deadline === null ? '' : `, decided without a person at ${deadline}`;
  const by = acknowledgedBy === null ? '' : `, ${acknowledgedBy} looks after it`;
  output.line(`\n  ${kind}  ${subject.type} ${subject.id}  since ${since}${until}${by}`);
  output.line(`    ${why}`);
  output.line(`    → ${next}`);
  for (const action of actions) output.line(`      ${action}`);
}

/** An event of an order, or an entry of the ledger. */
function eventInWords({ at, type, actor, data }: PastEvent, currency: string | null): string {
  const by = actor === null ? '' : `  by ${actor}`;
  if ('onHandDelta' in data) {
    const { warehouse, onHandDelta, reservedDelta, ...rest } = data;
    const about = Object.entries(rest).map(([name, value]) => `${name} ${String(value)}`);
    return `${at}  ${type.padEnd(16)} ${String(warehouse)}  on hand ${signed(onHandDelta)}, reserved ${signed(reservedDelta)}  ${about.join(', ')}${by}`;
  }
  const told = describeEvent({ type, data: { ...data } }, currency ?? 'USD');
  const words = told
    ? [told.what, told.detail].filter((text) => text !== '').join(': ')
    : type.replaceAll('_', ' ');
  return `${at}  ${words}${by}`;
}

function signed(units: unknown): string {
  const count = Number(units);
  return count > 0 ? `+${count}` : String(count);
}
