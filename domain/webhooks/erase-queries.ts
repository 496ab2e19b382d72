import { execute, type Queryable } from '../../platform/database/database';

export function clearAnswers(on: Queryable, subjectIds: readonly string[]): Promise<number> {
  return execute(
    on,
    'webhooks.clear_answers',
    `update webhook_tries t set answer = null
     from webhook_deliveries d
     where d.subject_id = any ($1::text[]) and t.webhook_id = d.webhook_id and t.position = d.position and t.answer is not null`,
    [subjectIds],
  );
}
